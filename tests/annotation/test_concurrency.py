"""Sixty-four annotators at once, in real processes, on both engines."""

import json
from contextlib import ExitStack

import pytest

from tests.databases import Database, postgres_database, sqlite_database
from tests.services import needs_postgres

TASKS, PEOPLE, OVERLAP, PROCESSES = 150, 64, 3, 4
WANTED = TASKS * OVERLAP


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request, tmp_path):
    with ExitStack() as stack:
        yield stack.enter_context(
            sqlite_database(tmp_path)
            if request.param == "sqlite"
            else postgres_database(needs_postgres(), tmp_path)
        )


def let_all_work(database: Database, *options: str) -> dict:
    """Everybody's doings, summed; all processes begin together."""
    share = PEOPLE // PROCESSES
    processes = [
        database.start(
            *("-m", "tests.crowd", "work", *options),
            *(f"--first={number * share}", f"--last={(number + 1) * share}"),
        )
        for number in range(PROCESSES)
    ]
    for process in processes:
        assert process.stdout and process.stdout.readline() == "ready\n", process.communicate()[1]
    reports = []
    for process in processes:
        assert process.stdin
        process.stdin.write("begin\n")
        process.stdin.flush()
    for process in processes:
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        reports.append(json.loads(out))
    return {
        "errors": [error for report in reports for error in report["errors"]],
        "slowest": max(report["slowest"] for report in reports),
        **{
            act: sum(report["did"].get(act, 0) for report in reports)
            for act in ("submitted", "skipped", "came late")
        },
    }


def assert_every_place_is_taken_once(database: Database) -> None:
    counted = "SELECT COUNT(*) FROM annotation_submission WHERE sealed"
    assert database.rows(counted) == [(WANTED,)]
    assert database.rows("SELECT taken, COUNT(*) FROM annotation_task GROUP BY taken") == [
        (OVERLAP, TASKS)
    ]
    assert database.rows(
        "SELECT rankings, COUNT(*) FROM (SELECT COUNT(*) AS rankings FROM annotation_submission"
        " GROUP BY task_id) AS of_task GROUP BY rankings"
    ) == [(OVERLAP, TASKS)]
    twice = "SELECT 1 FROM annotation_submission GROUP BY task_id, annotator_id HAVING COUNT(*) > 1"
    assert database.rows(twice) == []
    held = "SELECT COUNT(*) FROM annotation_assignment WHERE state = 'open'"
    assert database.rows(held) == [(0,)]


@pytest.fixture
def full_database(database):
    database.run(
        *("-m", "tests.crowd", "fill"),
        *(f"--tasks={TASKS}", f"--people={PEOPLE}", f"--overlap={OVERLAP}"),
    )
    return database


def test_sixty_four_people_fill_every_place_exactly(full_database):
    did = let_all_work(full_database)
    assert did["errors"] == []
    assert did["submitted"] == WANTED
    assert_every_place_is_taken_once(full_database)


def test_places_that_come_back_are_filled_exactly(full_database):
    did = let_all_work(full_database, "--skips=0.15", "--wanders=0.15")
    assert did["errors"] == []
    assert did["submitted"] == WANTED
    assert did["skipped"] > 0
    assert did["came late"] > 0
    assert_every_place_is_taken_once(full_database)

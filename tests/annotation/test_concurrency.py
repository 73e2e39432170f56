"""Sixty-four annotators at once, in real processes, on both engines."""

import json
import subprocess

import pytest

from tests.databases import Database

TASKS, PEOPLE, OVERLAP, PROCESSES = 150, 64, 3, 4
WANTED = TASKS * OVERLAP


def crowd(database: Database, command: str, **options: object) -> subprocess.Popen[str]:
    arguments = [f"--{name}={value}" for name, value in options.items()]
    return database.start("-m", "tests.crowd", command, *arguments)


def fill(database: Database, **options: int) -> None:
    _, err = (filling := crowd(database, "fill", **options)).communicate(timeout=120)
    assert filling.returncode == 0, err


def let_all_begin(processes: list[subprocess.Popen[str]]) -> list:
    """What each process says in the end; all begin together."""
    for process in processes:
        if process.stdout.readline() != "ready\n":
            pytest.fail(process.communicate()[1])
    for process in processes:
        process.stdin.write("begin\n")
        process.stdin.flush()
    said = []
    for process in processes:
        out, err = process.communicate(timeout=280)
        assert process.returncode == 0, err
        said.append(json.loads(out))
    return said


def let_all_work(database: Database, skips: float = 0, wanders: float = 0) -> dict:
    """Everybody's doings, summed."""
    share = PEOPLE // PROCESSES
    reports = let_all_begin(
        [
            crowd(
                *(database, "work"), first=first, last=first + share, skips=skips, wanders=wanders
            )
            for first in range(0, PEOPLE, share)
        ]
    )
    acts = ("submitted", "skipped", "came late")
    return {
        "errors": [error for report in reports for error in report["errors"]],
        **{act: sum(report["did"].get(act, 0) for report in reports) for act in acts},
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
    fill(database, tasks=TASKS, people=PEOPLE, overlap=OVERLAP)
    return database


def test_sixty_four_people_fill_every_place_exactly(full_database):
    did = let_all_work(full_database)
    assert did == {"errors": [], "submitted": WANTED, "skipped": 0, "came late": 0}
    assert_every_place_is_taken_once(full_database)


def test_places_that_come_back_are_filled_exactly(full_database):
    did = let_all_work(full_database, skips=0.15, wanders=0.15)
    assert did["errors"] == []
    assert did["submitted"] == WANTED
    assert did["skipped"] > 0
    assert did["came late"] > 0
    assert_every_place_is_taken_once(full_database)


def test_one_answer_sent_by_many_at_once_is_stored_once(database):
    people, senders = 20, 4
    fill(database, tasks=people, people=people, overlap=1)
    processes = [crowd(database, "replay", senders=senders) for _ in range(PROCESSES)]
    receipts = [tuple(receipt) for said in let_all_begin(processes) for receipt in said]
    assert len(receipts) == people * senders * PROCESSES
    stored = database.rows(
        "SELECT s.annotator_id, s.id, COUNT(*) FROM annotation_submission s"
        " JOIN annotation_pair p ON p.ranking_id = s.id GROUP BY s.annotator_id, s.id"
    )
    assert len(stored) == people
    assert set(receipts) == set(stored)

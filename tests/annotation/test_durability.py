"""What was acknowledged is there, whatever is killed."""

import random
import time
from collections import Counter

import pytest
from django.db import connection

from tests.databases import Database

ROUNDS, PEOPLE = 3, 4


def kill_some(database: Database, chance: random.Random) -> None:
    """Let each person work for a moment, and kill their process wherever it is."""
    processes = [
        database.start(
            *("-m", "tests.crowd", "journal"),
            *(f"--first={person}", f"--path={database.folder / f'journal-{person}'}"),
        )
        for person in range(PEOPLE)
    ]
    for process in processes:
        if process.stdout.readline() != "ready\n":
            pytest.fail(process.communicate()[1])
    for process in processes:
        time.sleep(chance.uniform(0.1, 0.3))
        assert process.poll() is None, process.communicate()
        process.kill()
    for process in processes:
        process.communicate()


def test_what_was_acknowledged_survives_a_dozen_kills(database):
    database.run("-m", "tests.crowd", "fill", "--tasks=400", f"--people={PEOPLE}", "--overlap=4")
    for round_number in range(ROUNDS):
        kill_some(database, random.Random(round_number))
    notes = Counter(
        tuple(line.split())
        for person in range(PEOPLE)
        for line in (database.folder / f"journal-{person}").read_text().splitlines()
    )
    sent = {key for note, key in notes if note == "sent"}
    acknowledged = {key for note, key in notes if note == "acknowledged"}
    stored = Counter(key for (key,) in database.rows("SELECT key FROM annotation_submission"))
    assert len(acknowledged) > ROUNDS * PEOPLE
    assert set(stored.values()) == {1}
    assert acknowledged <= stored.keys() <= sent
    assert database.rows("SELECT COUNT(*) FROM annotation_submission WHERE NOT sealed") == [(0,)]
    assert database.rows("SELECT COUNT(*) FROM annotation_pair") == [(6 * len(stored),)]
    assert database.rows(
        "SELECT COUNT(*) FROM annotation_task t WHERE t.taken <> (SELECT COUNT(*)"
        " FROM annotation_assignment a WHERE a.task_id = t.id AND a.state IN ('open', 'submitted'))"
    ) == [(0,)]


def setting(name: str) -> object:
    with connection.cursor() as cursor:
        cursor.execute(name)
        return cursor.fetchone()[0]


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'sqlite'", reason="PRAGMAs are SQLite's")
def test_every_sqlite_connection_syncs_each_commit(tmp_path):
    new = connection.copy()
    new.settings_dict = {**connection.settings_dict, "NAME": str(tmp_path / "new.sqlite3")}
    try:
        with new.cursor() as cursor:
            found = {
                name: cursor.execute(f"PRAGMA {name}").fetchone()[0]
                for name in ("journal_mode", "synchronous", "foreign_keys", "busy_timeout")
            }
    finally:
        new.close()
    assert found["journal_mode"] == "wal"
    assert (found["synchronous"], found["foreign_keys"]) == (2, 1)
    assert found["busy_timeout"] >= 20_000
    assert connection.settings_dict["OPTIONS"]["transaction_mode"] == "IMMEDIATE"


@pytest.mark.django_db
@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="PostgreSQL's own setting")
def test_postgres_syncs_each_commit():
    assert setting("SHOW synchronous_commit") in ("on", "remote_apply")
    assert setting("SHOW fsync") == "on"

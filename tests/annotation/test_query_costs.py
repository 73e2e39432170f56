"""What claims and answers ask of the database, and by which index."""

import re

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation.leases import release
from annotation.submissions import submit
from tests.annotation.working import answer, give_tasks, held
from tests.cast import full_ranking, give_task

pytestmark = pytest.mark.django_db


def statements(captured) -> list[str]:
    """What was asked of the database, without the savepoints of a test within a transaction."""
    queries = [query["sql"] for query in captured.captured_queries]
    return [sql for sql in queries if not sql.startswith(("SAVEPOINT", "RELEASE"))]


def claim_and_count(judge) -> list[str]:
    with CaptureQueriesContext(connection) as captured:
        held(judge)
    return statements(captured)


@pytest.mark.parametrize("done", [3, 30])
def test_a_claim_asks_nine_times_at_most_however_much_was_done(cast, judges, done):
    give_tasks(cast, done + 1)
    for _ in range(done):
        answer(judges[0])
    # PostgreSQL asks once more, because another may be claiming the task before.
    assert len(claim_and_count(judges[0])) == (9 if connection.vendor == "postgresql" else 8)


def test_an_answer_costs_as_much_for_nine_completions_as_for_two(cast, judges):
    counts = []
    for number in (2, 9):
        give_task(cast.project, *"abcdefghi"[:number], prompt=f"{number} of them?")
        assignment = held(judges[0])
        body = full_ranking(assignment.task)
        with CaptureQueriesContext(connection) as captured:
            submit(assignment.pk, judges[0], body, key=f"{number}", origin="api")
        counts.append(len(statements(captured)))
    assert counts == [10, 10]


def plans(queries: list[str]) -> list[str]:
    explain = "EXPLAIN " if connection.vendor == "postgresql" else "EXPLAIN QUERY PLAN "
    found = []
    with connection.cursor() as cursor:
        for sql in queries:
            cursor.execute(explain + sql, None)
            found.append("\n".join(str(row[-1]) for row in cursor.fetchall()))
    return found


@pytest.mark.parametrize("returned", [True, False])
def test_a_claim_seeks_in_the_index_of_the_queue(cast, judges, returned):
    give_tasks(cast, 30, wanted=1)
    if returned:
        early = held(judges[1])
    for _ in range(5):
        answer(judges[0])
    if returned:
        release(early.pk, judges[1])
    if connection.vendor == "postgresql":
        with connection.cursor() as cursor:
            # So few rows are read faster than any index.
            cursor.execute("ANALYZE")
            cursor.execute("SET LOCAL enable_seqscan = off")
            cursor.execute("SET LOCAL enable_sort = off")
    searches = [
        sql
        for sql in claim_and_count(judges[0])
        if 'FROM "annotation_task"' in sql and "ORDER BY" in sql
    ]
    assert searches
    seek = (
        r"task_queue(_returned)? on .*\n.*Index Cond: .*ROW\(queue_order, id\) (<|>=) ROW"
        if connection.vendor == "postgresql"
        else r"task_queue(_returned)? \(project_id=\? AND queue_order(=\? AND id)?[<>]\?\)"
    )
    for plan in plans(searches):
        assert re.search(seek, plan), plan
        # Of the queue itself; what is asked of one task seeks by its number.
        assert not re.search(r"pkey on annotation_task +\(", plan), plan

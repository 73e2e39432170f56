"""Rankings over HTTP: by the rules of files, all or none, once however often they are sent."""

import pytest

from annotation.models import Import, Pair, Prompt, Ranking, Submission
from tests.annotation.interchange import many_rankings, ranking

PATH = "projects/tides/rankings/"
ROWS = [
    ranking(annotator="ann"),
    {"prompt": "Why?", "chosen": "Salt.", "rejected": "Fish.", "strength": 2},
    {"prompt": "Why?", "completion": "Salt.", "label": True},
    {"prompt": "How?", "completion": "By hand."},
]
COUNTS = ("rows", "prompts", "rankings", "imported_before")


def test_rows_of_every_kind_are_taken_in_once(cast, manager):
    made = manager.post(PATH, ROWS)
    assert made.status_code == 201
    assert [made.json()[name] for name in COUNTS] == [4, 3, 4, False]
    assert Submission.objects.counted().count() == 4
    assert Pair.objects.count() == 5 + 1
    assert Import.objects.get().started_by == cast.manager

    turned = [dict(reversed(row.items())) for row in ROWS]  # the same, written otherwise
    again = manager.post(PATH, turned).json()
    assert [again[name] for name in COUNTS] == [4, 0, 0, True]
    assert Submission.objects.count() == 4


@pytest.mark.parametrize(
    ("rows", "words"),
    [
        ([], "a list of 1 to 500 rows"),
        ({"prompt": "a"}, "a list of 1 to 500 rows"),
        ([ranking()] * 501, "a list of 1 to 500 rows"),
        ([ranking(), 5], "rows, line 2: "),
        ([ranking(ranks=[1, 2])], "rows, line 1: ranks: "),
        (
            [ranking("Same?", ("a", "a"), ranks=[1, 2])],
            "two completions with the same text must share a rank",
        ),
        ([{"prompt": "\ud800", "chosen": "a", "rejected": "b"}], ""),
        ([ranking(), {"a": 1}, {"a": 2}], "And 1 more line with problems"),
    ],
)
def test_a_wrong_row_is_one_clear_line_and_nothing_is_written(cast, manager, rows, words):
    reply = manager.post(PATH, rows)
    assert reply.status_code == 400
    assert words in reply.json()["detail"]
    assert "\n" not in reply.json()["detail"]
    assert [each.objects.count() for each in (Import, Prompt, Ranking)] == [0, 0, 0]


def test_a_check_counts_problems_and_writes_nothing(cast, manager):
    rows = [*many_rankings(3), ranking(ranks=[1, 2]), ranking(ranks=[1]), {"prompt": 5}]
    found = manager.post(f"{PATH}check/", rows).json()
    assert (found["rows"], found["bad"]) == (3, 3)
    first, _ = found["problems"]
    assert (first["field"], first["line"], first["lines"]) == ("ranks", 4, 2)
    assert not Import.objects.exists()


def test_while_another_import_is_not_finished_rows_wait(cast, manager):
    Import.objects.create(
        project=cast.project, kind="rankings", file_name="big.csv", file_sha256="0", rows_total=9
    )
    reply = manager.post(PATH, ROWS)
    assert (reply.status_code, reply.json()["code"]) == (409, "conflict")
    assert "The import of big.csv into this project is not finished" in reply.json()["detail"]
    assert not Submission.objects.exists()

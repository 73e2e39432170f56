"""What each format makes of a ranking, a verdict, a written answer."""

import pytest

from annotation import queue
from annotation.errors import Invalid
from annotation.exporting import NAMES, Terms, export
from annotation.pairs import Ties
from annotation.submissions import submit
from annotation.tasking import add_prompt, make_task
from tests.annotation.interchange import PROMPT, TEXTS, ranking
from tests.cast import give_task

A, B, C, D = TEXTS
TALK = [
    {"role": "user", "content": "Hi."},
    {"role": "assistant", "content": "Hello."},
    {"role": "user", "content": PROMPT},
]


def answer(cast, kind, *texts, **body):
    give_task(cast.project, *texts, kind=kind)
    held, _ = queue.claim(cast.judge)
    submit(held.pk, cast.judge, body, key=kind, origin="api")


def said(messages):
    (message,) = messages
    assert message["role"] == "assistant"
    return message["content"]


def test_kto_calls_the_best_good_and_the_worst_bad(take_in, rows_of):
    take_in(ranking())
    verdicts = [(said(row["completion"]), row["label"]) for row in rows_of("kto")]
    assert verdicts == [(A, True), (D, False)]


def test_kto_calls_nothing_good_that_is_unacceptable(take_in, rows_of):
    take_in(ranking(ranks=[1, 1, 1, 1], unacceptable=[True] * 4))
    assert [row["label"] for row in rows_of("kto")] == [False] * 4


def test_kto_makes_nothing_of_answers_that_are_all_alike(take_in, rows_of):
    take_in(ranking(ranks=[1, 1, 1, 1]))
    assert rows_of("kto") == []


def test_kto_holds_verdicts_as_they_were_given(cast, rows_of):
    answer(cast, "thumbs", "Salt.", verdict="bad")
    (row,) = rows_of("kto")
    assert (said(row["completion"]), row["label"]) == ("Salt.", False)
    assert row["prompt"] == [{"role": "user", "content": PROMPT}]


def test_sft_holds_what_was_ranked_best_and_what_people_wrote(cast, take_in, rows_of):
    take_in(ranking())
    prompt, _ = add_prompt(cast.project, "Write.")
    make_task(prompt, [], kind="write")
    held, _ = queue.claim(cast.judge)
    submit(held.pk, cast.judge, {"text": "By hand."}, key="w", origin="api")
    assert [said(row["completion"]) for row in rows_of("sft")] == [A, "By hand."]


def test_sft_imitates_nothing_unacceptable(take_in, rows_of):
    take_in(ranking(ranks=[1, 1, 1, 1], unacceptable=[True] * 4))
    assert rows_of("sft") == []


def test_hh_writes_whole_dialogues(take_in, rows_of):
    take_in(ranking(TALK, ("a", "b"), ranks=[2, 1]))
    (row,) = rows_of("hh")
    head = f"\n\nHuman: Hi.\n\nAssistant: Hello.\n\nHuman: {PROMPT}\n\nAssistant: "
    assert (row["chosen"], row["rejected"]) == (f"{head}b", f"{head}a")
    assert "prompt" not in row


def test_hh_leaves_out_and_counts_what_its_form_cannot_hold(cast, take_in, tmp_path):
    system = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}]
    take_in(
        ranking(system, ("a", "b"), ranks=[1, 2]),
        ranking("Why?", ("a\n\nHuman: b", "c", "d"), ranks=[1, 2, 3]),
    )
    manifest = export(cast.project, "hh", tmp_path / "out.jsonl")
    assert manifest.rows == 1
    assert sorted(manifest.left_out.values()) == [1, 2]


@pytest.mark.parametrize(
    ("ties", "pairs", "labels"),
    [
        (Ties.DROP, [], None),
        (Ties.SOFT, [(B, C)], [1.0] * 5 + [0.5]),
        (Ties.KEEP, [(B, C), (C, B)], None),
    ],
)
def test_ties_go_out_by_the_policy(take_in, rows_of, ties, pairs, labels):
    take_in(ranking(strengths=[2, 1]))
    rows = rows_of("trl", ties)
    assert [(row["chosen"], row["rejected"]) for row in rows[5:]] == pairs
    assert [row["strength"] for row in rows[5:]] == [None] * len(pairs)
    if labels is None:
        assert "soft_label" not in rows[0]
    else:
        assert [row["soft_label"] for row in rows] == labels


def test_tied_answers_of_the_same_words_are_no_pair(take_in, rows_of):
    take_in(ranking(texts=("a", "a", "b"), ranks=[1, 1, 3]))
    assert len(rows_of("trl", Ties.KEEP)) == 2


@pytest.mark.parametrize("format", NAMES)
def test_a_project_with_nothing_to_export_says_so_and_leaves_no_file(cast, tmp_path, format):
    with pytest.raises(Invalid, match="rankings"):
        export(cast.project, format, tmp_path / "out", Terms())
    assert list(tmp_path.iterdir()) == []

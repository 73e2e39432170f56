"""Files of each form are read as they are meant, and what is wrong is named by line and field."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.engine.dialogues import BadRecord
from training.engine.errors import EngineError
from training.engine.records import parse_record, prompts_of, read_records

USER = [{"role": "user", "content": "Why?"}]
ANSWER = [{"role": "assistant", "content": "So."}]
RANKING = {"prompt": "Why?", "completions": ["a", "b", {"text": "c", "model": "m"}]}


def test_a_ranking_keeps_texts_ranks_strengths_and_sources():
    record = parse_record({**RANKING, "ranks": [2, 2, 1], "strengths": [3]}, "line 1")
    assert (record.kind, record.messages) == ("ranking", USER)
    assert record.completions == ("a", "b", "c")
    assert record.ranks == (2, 2, 1)
    assert record.strengths == (3.0,)
    assert record.sources == ("", "", "m")
    assert record.best == ("c",)


@pytest.mark.parametrize(
    "row",
    [
        {"prompt": "Why?", "chosen": "So.", "rejected": "No."},
        {"prompt": USER, "chosen": ANSWER, "rejected": [{"role": "assistant", "content": "No."}]},
        {
            "chosen": [*USER, *ANSWER],
            "rejected": [*USER, {"role": "assistant", "content": "No."}],
        },
        {
            "chosen": "\n\nHuman: Why?\n\nAssistant: So.",
            "rejected": "\n\nHuman: Why?\n\nAssistant: No.",
        },
    ],
    ids=["plain", "conversational", "whole messages", "HH"],
)
def test_a_pair_in_any_form_is_a_ranking_of_two(row: dict[str, Any]):
    record = parse_record(row, "line 1")
    assert record.messages == USER
    assert (record.completions, record.ranks) == (("So.", "No."), (1, 2))


REVISED = {"prompt": "Why?", "completion": "No.", "critique": "It is curt.", "revision": "So."}


def test_of_a_critique_the_revision_is_what_is_imitated():
    record = parse_record(REVISED, "line 1")
    assert (record.kind, record.messages) == ("demonstration", USER)
    assert record.best == record.completions == ("So.",)


@pytest.mark.parametrize("name", ["prompt", "completion", "critique", "revision"])
def test_a_revision_without_what_it_revises_is_refused(name):
    with pytest.raises(BadRecord, match=f"{name}: it is missing"):
        parse_record({**REVISED, name: None}, "line 1")


def test_an_hh_dialogue_keeps_its_earlier_turns():
    start = "\n\nHuman: Hi\n\nAssistant: Hello\n\nHuman: Why?\n\nAssistant:"
    record = parse_record({"chosen": f"{start} So.", "rejected": f"{start} No."}, "line 1")
    assert [each["role"] for each in record.messages] == ["user", "assistant", "user"]
    assert record.messages[1]["content"] == "Hello"


@pytest.mark.parametrize(("label", "rank"), [(True, 1), (False, 2)])
def test_a_thumb_stands_by_itself(label: bool, rank: int):
    record = parse_record({"prompt": "Why?", "completion": "So.", "label": label}, "line 1")
    assert (record.kind, record.ranks) == ("thumb", (rank,))
    assert record.best == (("So.",) if label else ())


@pytest.mark.parametrize(
    "row",
    [{"prompt": "Why?", "completion": "So."}, {"messages": [*USER, *ANSWER]}],
    ids=["completion", "messages"],
)
def test_a_demonstration_is_what_the_assistant_said(row: dict[str, Any]):
    record = parse_record(row, "line 1")
    assert (record.kind, record.messages, record.best) == ("demonstration", USER, ("So.",))


def test_a_ranking_of_ties_has_no_best():
    assert parse_record({**RANKING, "ranks": [1, 1, 1]}, "line 1").best == ()


def test_each_prompt_is_answered_once():
    records = [parse_record({"prompt": text}, "line 1") for text in ("a", "b", "a")]
    assert [each.messages[0]["content"] for each in prompts_of(records)] == ["a", "b"]


@pytest.mark.parametrize(
    ("row", "said"),
    [
        ([], "it must hold a JSON object"),
        ({}, "prompt: it is missing"),
        ({"prompt": " "}, "prompt: it is empty"),
        ({"prompt": 3}, "prompt: must be a text or a list of messages"),
        ({"prompt": [{"role": "user"}]}, "prompt: a message must have a role and a content"),
        ({"prompt": [{"role": "tool", "content": "x"}]}, "prompt: 'tool' is no role"),
        ({"prompt": "\ud800"}, "prompt: it holds half of a surrogate pair"),
        ({**RANKING, "ranks": [1, 2]}, "ranks: must be a list of 3"),
        ({**RANKING, "ranks": [1, 3, 3]}, "ranks: 1 is the best"),
        ({**RANKING, "ranks": [1, 2, True]}, "ranks: 1 is the best"),
        ({**RANKING, "ranks": [1, 2, 3], "strengths": [1]}, "strengths: must be a list of 2"),
        ({"prompt": "a", "completions": ["x"], "ranks": [1]}, "completions: must be a list of two"),
        ({"prompt": "a", "chosen": "x"}, "rejected: it is missing"),
        ({"chosen": "x", "rejected": "y"}, "chosen, rejected: without a prompt"),
        ({"prompt": "a", "completion": "x", "label": 1}, "label: must be true"),
        ({"messages": USER}, "messages: must end with what the assistant said"),
        ({"prompt": "a", "split": "dev"}, "split: 'dev' is none of"),
    ],
)
def test_what_is_wrong_is_named_by_its_field(row: Any, said: str):
    with pytest.raises(BadRecord, match=said.replace("(", r"\(")):
        parse_record(row, "line 1")


@pytest.mark.parametrize(
    ("data", "said"),
    [
        (b'{"prompt": "a"}\n{"prompt" "b"}\n', "line 2: it is not JSON"),
        (b'{"prompt": "a"}\n\n{"prompt": "\xff"}\n', "line 3: it is not UTF-8"),
        (b'{"prompt": "a", "x": NaN}\n', "line 1: it is not JSON: NaN is no number"),
        (b"\n\n", "holds no line"),
        (b"[" * 100_000, "line 1: it is n"),
    ],
)
def test_a_bad_line_is_named_by_its_number(tmp_path: Path, data: bytes, said: str):
    (tmp_path / "rows.jsonl").write_bytes(data)
    with pytest.raises(EngineError, match=said):
        read_records(tmp_path / "rows.jsonl")


def test_a_missing_file_is_named(tmp_path: Path):
    with pytest.raises(EngineError, match="cannot be read: No such file"):
        read_records(tmp_path / "nowhere.jsonl")


JSON = st.recursive(
    st.none() | st.booleans() | st.floats(allow_nan=False) | st.text(max_size=3),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner),
    max_leaves=8,
)
FIELDS = ["prompt", "completions", "ranks", "strengths", "chosen", "rejected", "completion",
          "label", "messages", "split", "annotator"]  # fmt: skip


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(st.dictionaries(st.sampled_from(FIELDS), JSON | st.just(json.loads(json.dumps(USER)))))
def test_any_json_is_a_record_or_refused(row: dict[str, Any]):
    try:
        record = parse_record(row, "line 1")
    except BadRecord:
        return
    assert len(record.completions) == len(record.sources)
    assert all(text.strip() for text in record.completions)

"""An export that is imported into an empty project exports the same bytes again."""

import json
import tempfile
from pathlib import Path

import pytest
from django.db import transaction
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.exporting import export
from annotation.importing import Options, import_rankings
from annotation.models import Project, Submission
from annotation.pairs import competition_ranks
from annotation.queue import claim
from annotation.submissions import submit
from tests.annotation.interchange import read, write
from tests.cast import full_ranking, give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db
CREATE = Options(create=True)

# Characters that get lost on the way elsewhere: white space at the ends, line ends, marks.
CHARACTERS = st.sampled_from(
    "a b\t\n\r\u2028\u00a0é\u0301\"'\\{}\x1f\x7f中😀\ufeff="
) | st.characters(codec="utf-8", exclude_characters="\x00")
TEXT = st.text(CHARACTERS, max_size=20)
NAME = st.text(CHARACTERS, min_size=1, max_size=8).filter(lambda name: "unnamed-" not in name)
PROMPTS = st.sampled_from(
    [
        "Why?",
        " why ",
        [{"role": "system", "content": ""}, {"role": "user", "content": " \nWhy?\t"}],
        [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Why?"}],
    ]
)
METADATA = {"z": [1, 2.5, None, {"b": True, "a": "é"}], "a": {}}


@st.composite
def rankings(draw):
    k = draw(st.integers(2, 5))
    # Few texts and models, so that some rows rank the same choice and some texts are identical.
    texts = draw(st.lists(st.sampled_from(["a", " a", "b\n", ""]) | TEXT, min_size=k, max_size=k))
    models = draw(st.lists(st.sampled_from(["m", None, " M"]), min_size=k, max_size=k))
    place = {text: draw(st.integers(1, 3)) for text in texts}
    ranks = competition_ranks([place[text] for text in texts])
    worst = max(ranks) if draw(st.booleans()) else 0
    tiers = len(set(ranks))
    return {
        "id": draw(st.none() | NAME),
        "prompt": draw(PROMPTS),
        "completions": [
            {"text": text, "model": model} for text, model in zip(texts, models, strict=True)
        ],
        "ranks": ranks,
        "unacceptable": [rank == worst for rank in ranks],
        "ratings": draw(
            st.just([]) | st.lists(st.integers(1, 7), min_size=k, max_size=k),
        ),
        "strengths": draw(
            st.just([]) | st.lists(st.integers(1, 3), min_size=tiers - 1, max_size=tiers - 1)
        ),
        "labels": draw(st.lists(st.lists(TEXT, max_size=2), min_size=k, max_size=k)),
        "comment": draw(TEXT),
        "seconds": draw(st.none() | st.floats(0, 1e5)),
        "annotator": draw(st.none() | st.sampled_from(["ann", "bob"]) | NAME),
        "guideline": draw(st.none() | NAME),
        "metadata": {},
    }


def distinct_ids(rows):
    """Each id once: an id names one ranking."""
    ids = set()
    for row in rows:
        if row["id"] in ids:
            row["id"] = None
        ids.add(row["id"])
    return rows


FILES = st.lists(rankings(), min_size=1, max_size=8).map(distinct_ids)


def exported(slug, folder, format="rankings"):
    path = folder / f"{slug}.{format}.jsonl"
    export(Project.objects.get(slug=slug), format, path)
    return path


def again(path, folder, format="rankings"):
    """What an empty project exports after taking in this file."""
    slug = f"again-{Project.objects.count()}"
    import_rankings(path, slug, CREATE)
    return exported(slug, folder, format)


@settings(max_examples=60, deadline=None)
@given(rows=FILES, with_metadata=st.booleans())
def test_any_rankings_survive_a_round_trip(rows, with_metadata):
    for row in rows:
        row["metadata"] = METADATA if with_metadata else {}
    with tempfile.TemporaryDirectory() as name, transaction.atomic():
        folder = Path(name)
        import_rankings(write(folder / "in.jsonl", rows), "first", CREATE)
        first = exported("first", folder)
        assert again(first, folder).read_bytes() == first.read_bytes()
        said = [{**row, **dict.fromkeys(("prompt_group_id", "split"))} for row in read(first)]
        assert [placeless(row) for row in said] == [placeless(row) for row in rows]
        transaction.set_rollback(True)


def placeless(row):
    """A row as it was meant: without what follows from its prompt."""
    row = {name: value for name, value in row.items() if name not in ("prompt_group_id", "split")}
    return json.loads(json.dumps(row, sort_keys=True))


@settings(max_examples=30, deadline=None)
@given(rows=FILES)
def test_any_pairs_survive_a_round_trip(rows):
    with tempfile.TemporaryDirectory() as name, transaction.atomic():
        folder = Path(name)
        import_rankings(write(folder / "in.jsonl", rows), "first", CREATE)
        first = exported("first", folder, "trl-conversational")
        if first.stat().st_size:
            second = again(first, folder, "trl-conversational")
            assert second.read_bytes() == first.read_bytes()
        transaction.set_rollback(True)


def test_what_people_have_ranked_survives_a_round_trip(tmp_path):
    cast = make_cast(overlap=3, labels=["false"])
    for number in range(4):
        give_task(cast.project, prompt=f"Question {number}?")
    for judge in make_judges(cast.project, 3):
        while True:
            assignment, _ = claim(judge)
            if assignment is None:
                break
            body = full_ranking(assignment.task, 1, 3, 1, 4)
            uids = list(body["ranks"])
            body |= {"unacceptable": uids[3:], "labels": {uids[2]: ["false"]}, "seconds": 1.25}
            submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="screen")
    first = exported("tides", tmp_path)
    assert len(read(first)) == 12
    assert again(first, tmp_path).read_bytes() == first.read_bytes()
    assert {
        len(task.submissions.all()) for task in Project.objects.get(slug="again-1").tasks.all()
    } == {3}


def test_an_export_that_comes_back_to_its_own_project_adds_nothing(tmp_path):
    cast = make_cast()
    rows = [{"prompt": "Why?", "chosen": " a", "rejected": "b"}]
    import_rankings(write(tmp_path / "in.jsonl", rows), "tides")
    import_rankings(exported("tides", tmp_path), "tides")
    assert Submission.objects.filter(project=cast.project).count() == 1

"""Preference data goes out whole, in order, without names, in the formats of the trainers."""

import json
import os
from hashlib import sha256

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from annotation import queue
from annotation.content import group_of, split_of
from annotation.errors import Invalid
from annotation.exporting import FORMATS, export
from annotation.importing import Options, import_rankings
from annotation.models import AuditEntry, Project, Submission
from annotation.submissions import submit, withdraw
from tests.annotation.interchange import PROMPT, TEXTS, many_rankings, ranking, read, write
from tests.cast import full_ranking, give_task, make_cast

pytestmark = pytest.mark.django_db
LINES = [name for name, layout in FORMATS.items() if layout.writing.suffix == ".jsonl"]
PROMPTED = [name for name in LINES if name != "hh"]


@pytest.fixture
def cast():
    return make_cast(overlap=2)


@pytest.fixture
def out(tmp_path):
    return tmp_path / "out.jsonl"


def judge(cast, task, **said):
    """The annotator's own ranking, by the queue."""
    assignment, _ = queue.claim(cast.judge)
    body = full_ranking(task, 1, 2, 2, 4) | said
    receipt = submit(assignment.pk, cast.judge, body, key="k", origin="screen")
    return Submission.objects.get(pk=receipt.id)


def test_a_persons_ranking_goes_out_as_it_was_shown(cast, out):
    submission = judge(cast, give_task(cast.project, *TEXTS), comment="Hm.", strengths=[1, 3])
    export(cast.project, "rankings", out)
    (row,) = read(out)
    texts = dict(submission.task.completions.values_list("pk", "text"))
    assert [shown["text"] for shown in row["completions"]] == [
        texts[completion] for completion in submission.order
    ]
    ranks = {
        shown["text"]: rank for shown, rank in zip(row["completions"], row["ranks"], strict=True)
    }
    assert ranks == dict(zip(TEXTS, (1, 2, 2, 4), strict=True))
    assert (row["comment"], row["strengths"], row["guideline"]) == ("Hm.", [1, 3], "v1")
    assert row["seconds"] == submission.seconds


def test_people_go_out_under_their_pseudonyms_only(cast, out):
    cast.annotator.username, cast.annotator.email = "mary.smith", "mary@example.org"
    cast.annotator.save()
    judge(cast, give_task(cast.project))
    for format in LINES:
        export(cast.project, format, out)
        assert all(row["annotator"] == cast.judge.pseudonym for row in read(out))
        assert "mary" not in out.read_text()


def test_every_row_says_the_group_and_the_split_of_its_prompt(cast, tmp_path, out):
    import_rankings(write(tmp_path / "in.jsonl", many_rankings(30)), "tides")
    for format in PROMPTED:
        export(cast.project, format, out)
        for row in read(out):
            messages = row["prompt"]
            if isinstance(messages, str):
                messages = [{"role": "user", "content": messages}]
            assert row["prompt_group_id"] == group_of(messages)
            assert row["split"] == split_of(row["prompt_group_id"])


def test_trl_has_a_row_for_each_pair_that_is_not_tied(cast, tmp_path, out):
    row = ranking(annotator="ann", strengths=[2, 1])
    import_rankings(write(tmp_path / "in.jsonl", [row]), "tides")
    manifest = export(cast.project, "trl", out)
    rows = read(out)
    a, b, c, d = TEXTS
    assert [(row["chosen"], row["rejected"], row["strength"]) for row in rows] == [
        *((a, b, 2), (a, c, 2), (a, d, 3)),
        *((b, d, 1), (c, d, 1)),
    ]
    assert {row["prompt"] for row in rows} == {PROMPT}
    assert {row["chosen_model"] for row in rows} == {"model-a"}
    assert (manifest.rows, manifest.rankings, manifest.pairs) == (5, 1, 5)


def test_trl_conversational_has_messages(cast, tmp_path, out):
    talk = [
        {"role": "system", "content": "Be brief."},
        {"role": "user", "content": PROMPT},
    ]
    row = ranking(talk, ("a", "b"), ranks=[1, 2])
    import_rankings(write(tmp_path / "in.jsonl", [row]), "tides")
    export(cast.project, "trl-conversational", out)
    (row,) = read(out)
    assert row["prompt"] == talk
    assert row["chosen"] == [{"role": "assistant", "content": "a"}]
    assert row["rejected"] == [{"role": "assistant", "content": "b"}]


def test_a_format_that_cannot_hold_a_conversation_says_so_and_leaves_the_file(cast, tmp_path, out):
    talk = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": PROMPT}]
    import_rankings(write(tmp_path / "in.jsonl", [ranking(talk)]), "tides")
    out.write_text("before")
    with pytest.raises(Invalid, match="Use trl-conversational"):
        export(cast.project, "trl", out)
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_every_row_of_a_format_has_the_same_fields(cast, tmp_path, out):
    rows = [ranking(), ranking(annotator="a", id="x", metadata={"a": 1}, comment="c", seconds=1)]
    import_rankings(write(tmp_path / "in.jsonl", rows), "tides")
    for format in LINES:
        export(cast.project, format, out)
        assert len({tuple(row) for row in read(out)}) == 1


def test_what_does_not_count_does_not_go_out(cast, tmp_path, out):
    withdraw(judge(cast, give_task(cast.project)), by=cast.manager, reason="asked for")
    with pytest.raises(Invalid, match="tides has no rankings yet"):
        export(cast.project, "rankings", out)
    import_rankings(write(tmp_path / "in.jsonl", [ranking()]), "tides")
    export(cast.project, "rankings", out)
    assert len(read(out)) == 1


def test_another_project_does_not_go_out(cast, tmp_path, out):
    path = write(tmp_path / "in.jsonl", [ranking()])
    import_rankings(path, "other", Options(create=True))
    import_rankings(path, "tides")
    assert export(cast.project, "rankings", out).rankings == 1


def test_the_manifest_names_what_the_file_holds(cast, tmp_path, out):
    import_rankings(write(tmp_path / "in.jsonl", many_rankings(3)), "tides")
    export(cast.project, "jsonl", out)
    manifest = json.loads((tmp_path / "out.jsonl.manifest.json").read_text())
    assert manifest["sha256"] == sha256(out.read_bytes()).hexdigest()
    assert manifest["bytes"] == out.stat().st_size
    assert (manifest["rows"], manifest["rankings"], manifest["pairs"]) == (3, 3, 15)
    assert (manifest["project"], manifest["format"]) == ("tides", "jsonl")
    assert manifest["software"].startswith("concord ")
    entry = AuditEntry.objects.get(verb="preferences.exported")
    assert entry.data["sha256"] == manifest["sha256"]


def test_a_disk_that_is_full_leaves_the_file_as_it_was(cast, tmp_path, out, monkeypatch):
    import_rankings(write(tmp_path / "in.jsonl", [ranking()]), "tides")
    out.write_text("before")

    def no_room(descriptor):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "fsync", no_room)
    with pytest.raises(Invalid, match="No space left on device"):
        export(cast.project, "rankings", out)
    assert out.read_text() == "before"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["in.jsonl", "out.jsonl"]


def test_a_folder_that_is_absent_is_refused(cast, tmp_path):
    import_rankings(write(tmp_path / "in.jsonl", [ranking()]), "tides")
    with pytest.raises(Invalid, match="No such file or directory"):
        export(cast.project, "rankings", tmp_path / "nowhere" / "out.jsonl")


def test_an_unknown_format_is_refused(cast, out):
    with pytest.raises(Invalid, match="format: 'xml' is not known"):
        export(cast.project, "xml", out)


def test_thirty_rankings_take_as_many_statements_as_three(tmp_path, out):
    counts = []
    for number in (3, 30):
        path = write(tmp_path / f"{number}.jsonl", many_rankings(number))
        import_rankings(path, f"project-{number}", Options(create=True))
        project = Project.objects.get(slug=f"project-{number}")
        with CaptureQueriesContext(connection) as statements:
            export(project, "rankings", out)
        counts.append(len(statements))
    assert counts[0] == counts[1]

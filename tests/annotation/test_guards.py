"""The database itself refuses what is forged, on whichever engine the suite runs."""

from datetime import UTC, datetime
from uuid import uuid4

import pytest
from django.db import IntegrityError, connection, transaction

from annotation import guards
from annotation.models import (
    Completion,
    Demonstration,
    GuidelineVersion,
    Import,
    Pair,
    Prompt,
    RankedItem,
    Ranking,
    Snapshot,
    SnapshotItem,
    Submission,
    Task,
    TaskCompletion,
    Upload,
)
from annotation.submissions import pairs_of, seal, submit
from tests.annotation.working import held
from tests.cast import full_ranking, give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast(overlap=2)


@pytest.fixture
def task(cast):
    return give_task(cast.project)


def claimed(cast):
    assignment = held(cast.judge)
    assert assignment is not None
    return assignment


def draft_submission(cast, task):
    """A submission written by hand, without its detail."""
    assignment = claimed(cast)
    assignment.state = "submitted"
    assignment.save()
    return Submission.objects.create(
        project=cast.project,
        task=task,
        assignment=assignment,
        annotator=cast.judge,
        guideline=assignment.guideline,
        origin="api",
        key="by hand",
        body_sha256="0" * 64,
    )


def draft_ranking(cast, task, ranks=(1, 2, 3, 4), completions=None):
    """A ranking written by hand, one step before its seal."""
    submission = draft_submission(cast, task)
    ranking = Ranking.objects.create(submission=submission)
    completions = completions or [s.completion for s in task.slots.all()]
    items = [
        RankedItem(ranking=ranking, completion=completion, rank=rank)
        for completion, rank in zip(completions, ranks, strict=True)
    ]
    return submission, ranking, items


def write_and_seal(submission, items, pairs):
    with transaction.atomic():
        RankedItem.objects.bulk_create(items)
        Pair.objects.bulk_create(pairs)
        seal(submission)


@pytest.fixture
def sealed(cast, task):
    assignment = held(cast.judge)
    receipt = submit(assignment.pk, cast.judge, full_ranking(task), key="k", origin="api")
    return Submission.objects.get(pk=receipt.id)


def test_every_guard_stands_after_migration():
    assert guards.installed() == guards.expected()


def test_guards_stand_again_after_being_suspended():
    with guards.suspended():
        assert guards.installed() == set()
    assert guards.installed() == guards.expected()


def test_a_true_ranking_is_sealed(cast, task):
    submission, ranking, items = draft_ranking(cast, task, ranks=(1, 2, 2, 4))
    pairs = pairs_of(ranking, items, [])
    assert len(pairs) == 5
    write_and_seal(submission, items, pairs)
    assert Submission.objects.counted().get() == submission


def forge_missing_item(items, pairs, other):
    gone = items[3].completion_id
    return items[:3], [p for p in pairs if gone not in (p.winner_id, p.loser_id)]


def forge_missing_pair(items, pairs, other):
    return items, pairs[:-1]


def forge_reversed_pair(items, pairs, other):
    pairs[0].winner_id, pairs[0].loser_id = pairs[0].loser_id, pairs[0].winner_id
    return items, pairs


def forge_doubled_pair(items, pairs, other):
    first = pairs[0]
    return items, [*pairs, Pair(ranking=first.ranking, winner=first.winner, loser=first.loser)]


def forge_both_directions(items, pairs, other):
    first = pairs[0]
    return items, [*pairs, Pair(ranking=first.ranking, winner=first.loser, loser=first.winner)]


def forge_self_pair(items, pairs, other):
    first = pairs[0]
    return items, [*pairs[1:], Pair(ranking=first.ranking, winner=first.winner, loser=first.winner)]


def forge_rank_gap(items, pairs, other):
    items[3].rank = 5
    return items, pairs


def forge_nothing_ranked(items, pairs, other):
    return [], []


def forge_rating_of_some(items, pairs, other):
    items[0].rating = 5
    return items, pairs


def forge_rating_out_of_range(items, pairs, other):
    for item in items:
        item.rating = 8
    return items, pairs


def forge_foreign_completion(items, pairs, other):
    gone = items[3].completion_id
    items[3].completion = other
    return items, [p for p in pairs if gone not in (p.winner_id, p.loser_id)]


def forge_pair_of_foreign_completions(items, pairs, other):
    return items, [*pairs[:-1], Pair(ranking=pairs[0].ranking, winner=other, loser=pairs[0].winner)]


FORGERIES = [value for name, value in sorted(globals().items()) if name.startswith("forge_")]


@pytest.mark.parametrize("forge", FORGERIES, ids=lambda forge: forge.__name__)
def test_a_forged_ranking_is_never_sealed(cast, task, forge):
    other = give_task(cast.project, prompt="Another question?").completions.earliest("pk")
    submission, ranking, items = draft_ranking(cast, task)
    items, pairs = forge(items, pairs_of(ranking, items, []), other)
    with pytest.raises(IntegrityError):
        write_and_seal(submission, items, pairs)
    assert not Submission.objects.counted().exists()


def test_identical_texts_ranked_apart_are_never_sealed(cast):
    task = give_task(cast.project, "same", "same", "other", prompt="Twice?")
    submission, ranking, items = draft_ranking(cast, task, ranks=(1, 2, 3))
    with pytest.raises(IntegrityError, match="identical"):
        write_and_seal(submission, items, pairs_of(ranking, items, []))


@pytest.mark.parametrize("forge", ["of nothing", "of another response", "without a change"])
def test_a_forged_edit_is_never_sealed(cast, forge):
    task = give_task(cast.project, "The sea is sweet.", kind="write", prompt="Why?")
    other = give_task(cast.project, "One", "Two", prompt="Why?", priority=-1).completions.first()
    given = task.completions.get()
    submission = draft_submission(cast, task)
    Demonstration.objects.create(
        submission=submission,
        text=given.text if forge == "without a change" else "The sea is salty.",
        edited={"of nothing": None, "of another response": other}.get(forge, given),
    )

    with pytest.raises(IntegrityError), transaction.atomic():
        seal(submission)


def test_a_submission_cannot_be_born_sealed(cast, task):
    assignment = claimed(cast)
    with pytest.raises(IntegrityError, match="sealed last"), transaction.atomic():
        Submission.objects.create(
            project=cast.project,
            task=task,
            assignment=assignment,
            annotator=cast.judge,
            guideline=assignment.guideline,
            origin="api",
            key="k",
            body_sha256="0" * 64,
            sealed=True,
        )


def test_an_answer_under_another_name_is_never_sealed(cast, task):
    submission, ranking, items = draft_ranking(cast, task)
    (stranger,) = make_judges(cast.project, 1)
    Submission.objects.filter(pk=submission.pk).update(annotator=stranger)
    with pytest.raises(IntegrityError, match="its assignment"):
        write_and_seal(submission, items, pairs_of(ranking, items, []))


LATE_CHANGES = {
    "rank": lambda s: RankedItem.objects.filter(ranking_id=s.pk).update(rank=1),
    "item gone": lambda s: RankedItem.objects.filter(ranking_id=s.pk).delete(),
    "pair gone": lambda s: Pair.objects.filter(ranking_id=s.pk).delete(),
    "strengths": lambda s: Ranking.objects.filter(pk=s.pk).update(strengths=[1, 1, 1]),
    "comment": lambda s: Submission.objects.filter(pk=s.pk).update(comment="changed"),
    "labels": lambda s: Submission.objects.filter(pk=s.pk).update(labels={"a": ["b"]}),
    "order": lambda s: Submission.objects.filter(pk=s.pk).update(order=[]),
    "unsealed": lambda s: Submission.objects.filter(pk=s.pk).update(sealed=False),
    "deleted": lambda s: Submission.objects.filter(pk=s.pk)._raw_delete("default"),
    "item added": lambda s: RankedItem.objects.create(
        ranking_id=s.pk, completion=Completion.objects.earliest("pk"), rank=9
    ),
    "pair added": lambda s: Pair.objects.create(
        ranking_id=s.pk,
        winner=Completion.objects.order_by("id")[0],
        loser=Completion.objects.order_by("id")[1],
    ),
    "second ranking": lambda s: Submission.objects.create(
        project_id=s.project_id,
        task_id=s.task_id,
        assignment_id=s.assignment_id,
        annotator_id=s.annotator_id,
        guideline_id=s.guideline_id,
        origin="api",
        key="another",
        body_sha256="1" * 64,
    ),
    "prompt": lambda s: Prompt.objects.update(messages=[]),
    "split": lambda s: Prompt.objects.update(split="moved"),
    "completion": lambda s: Completion.objects.update(text="nicer"),
    "guideline": lambda s: GuidelineVersion.objects.update(body="other"),
    "slot": lambda s: TaskCompletion.objects.all().delete(),
    "assignment": lambda s: type(s.assignment).objects.update(state="open"),
    "overbooked": lambda s: Task.objects.update(taken=3),
}


@pytest.mark.parametrize("change", LATE_CHANGES.values(), ids=LATE_CHANGES.keys())
def test_what_is_sealed_never_changes(sealed, change):
    with pytest.raises(IntegrityError), transaction.atomic():
        change(sealed)


def test_a_withdrawn_submission_no_longer_counts_and_stays_withdrawn(cast, sealed):
    from annotation.submissions import withdraw

    withdraw(sealed, by=cast.manager, reason="asked by the annotator")
    assert not Submission.objects.counted().exists()
    with pytest.raises(IntegrityError), transaction.atomic():
        Submission.objects.filter(pk=sealed.pk).update(withdrawn_at=None)


def test_a_frozen_snapshot_takes_nothing_more(cast, sealed):
    from django.utils import timezone

    snapshot = Snapshot.objects.create(
        project=cast.project, name="one", slug="tides", title="Tides"
    )
    Snapshot.objects.filter(pk=snapshot.pk).update(sha256="a" * 64, frozen_at=timezone.now())
    with pytest.raises(IntegrityError, match="nothing more"), transaction.atomic():
        SnapshotItem.objects.create(snapshot=snapshot, submission=sealed)


def test_a_completion_of_another_prompt_never_enters_a_task(cast, task):
    other = give_task(cast.project, prompt="Another question?").completions.earliest("pk")
    with pytest.raises(IntegrityError, match="another prompt"), transaction.atomic():
        TaskCompletion.objects.create(task=task, completion=other, slot=8)


@pytest.mark.skipif("connection.vendor != 'postgresql'", reason="SQLite has no TRUNCATE to refuse")
@pytest.mark.django_db(transaction=True)
def test_sealed_tables_are_never_truncated(sealed):
    with pytest.raises(IntegrityError), transaction.atomic(), connection.cursor() as cursor:
        cursor.execute("TRUNCATE annotation_pair CASCADE")


def test_a_published_import_stays_published(cast):
    from django.utils import timezone

    batch = Import.objects.create(
        project=cast.project, kind="prompts", file_name="a.jsonl", file_sha256="a", rows_total=1
    )
    Import.objects.filter(pk=batch.pk).update(published_at=timezone.now())
    with pytest.raises(IntegrityError, match="stays published"), transaction.atomic():
        Import.objects.filter(pk=batch.pk).update(published_at=None)


@pytest.fixture
def upload(cast):
    return cast.project.uploads.create(kind="prompts", file_name="a.jsonl", size=1)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"state": "nonsense"}, "upload_state|upload_ended"),  # whichever is asked first
        ({"state": "done"}, "upload_ended"),
        ({"ended_at": datetime(2026, 1, 1, tzinfo=UTC)}, "upload_ended"),
        ({"state": "failed", "ended_at": datetime(2026, 1, 1, tzinfo=UTC)}, "failed_says_why"),
        ({"file_name": "b.jsonl"}, "never change in a upload"),
        ({"key": uuid4()}, "never change in a upload"),
    ],
)
def test_an_upload_is_in_no_state_that_there_is_not(upload, change, message):
    with pytest.raises(IntegrityError, match=message), transaction.atomic():
        Upload.objects.filter(pk=upload.pk).update(**change)


def test_an_upload_that_has_ended_stays_ended(upload):
    mine = Upload.objects.filter(pk=upload.pk)
    mine.update(state="cancelled", ended_at=datetime(2026, 1, 1, tzinfo=UTC))
    with pytest.raises(IntegrityError, match="stays ended"), transaction.atomic():
        mine.update(state="ready", ended_at=None)


def test_one_upload_of_a_project_is_imported_at_a_time(cast, upload):
    Upload.objects.update(state="importing")
    with pytest.raises(IntegrityError), transaction.atomic():
        cast.project.uploads.create(kind="prompts", file_name="b.jsonl", size=1, state="discarding")


def test_what_a_lost_table_leaves_behind_is_no_obstacle():
    name = f"{guards.PREFIX}upload_fixed"
    with connection.cursor() as cursor:
        on = " ON annotation_upload" if connection.vendor == "postgresql" else ""
        cursor.execute(f"DROP TRIGGER {name}{on}")
    assert name not in guards.installed()

    guards.install()

    assert guards.installed() == guards.expected()

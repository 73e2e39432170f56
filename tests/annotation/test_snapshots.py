"""Frozen lists of submissions, and their hashes."""

from hashlib import sha256

import pytest
from django.db import connection

from annotation import snapshots
from annotation.choosing import Choice
from annotation.errors import Conflict, Invalid
from annotation.models import Project, Snapshot, SnapshotItem, Submission
from annotation.models.datasets import FIRST_EDITION
from annotation.pairs import Ties
from annotation.quality.reports import agreement_of
from annotation.snapshots import difference, freeze, snapshot_hash
from annotation.standing import Standing, change_standing
from annotation.submissions import submit, withdraw
from tests.annotation.working import answer_all, give_tasks, held
from tests.cast import give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db


@pytest.fixture
def answered(cast, judges):
    give_tasks(cast, 3)
    answer_all(judges[0])
    return list(Submission.objects.order_by("pk"))


def listed(snapshot: Snapshot) -> list[Submission]:
    return list(snapshot.submissions.order_by("pk"))


def test_a_snapshot_lists_all_that_counts_and_is_frozen(cast, answered):
    snapshot = freeze(cast.project, "first")
    assert listed(snapshot) == answered
    assert snapshot.frozen_at is not None


def test_the_hash_is_found_again_whatever_comes_later(cast, judges, answered):
    snapshot = freeze(cast.project, "first")
    answer_all(judges[1])
    withdraw(answered[0], by=cast.manager, reason="asked to")
    assert snapshot_hash(snapshot) == snapshot.sha256
    assert listed(snapshot) == answered


def test_what_does_not_count_is_left_out(cast, judges, answered):
    withdraw(answered[0], by=cast.manager, reason="asked to")
    held_only = held(judges[1])
    snapshot = freeze(cast.project, "second")
    assert held_only.state == "open"
    assert listed(snapshot) == answered[1:]


def hash_of_answers(submissions):
    lines = "".join(f"{each.pk}:{each.body_sha256}\n" for each in submissions)
    return sha256(lines.encode()).hexdigest()


def test_a_hash_of_the_answers_alone_is_found_again_too(cast, answered):
    """As those of the first edition have."""
    snapshot = freeze(cast.project, "first")
    snapshot.edition = FIRST_EDITION
    assert snapshot_hash(snapshot) == hash_of_answers(answered)


@pytest.mark.parametrize(
    "terms",
    [
        {"licence": "CC-BY-4.0"},
        {"filters": {"ties": "soft"}},
        {"filters": {"since": "2026-01-31T00:00:00+00:00"}},
        {"is_consensus": True},
        {"pseudonym_key": "another"},
    ],
    ids=str,
)
def test_the_hash_names_answers_and_terms(cast, answered, terms):
    snapshot = freeze(cast.project, "first")
    for name, value in terms.items():
        setattr(snapshot, name, value)
    assert snapshot_hash(snapshot) != snapshot.sha256


def test_a_difference_says_what_else_goes_out_otherwise(cast, answered):
    first = freeze(cast.project, "first", licence="CC0-1.0")
    soft = freeze(cast.project, "soft", Choice(ties=Ties.SOFT, origins=("api",)))
    found = difference(first, soft).as_dict()
    assert (found["kept"], found["lost"], found["gained"]) == (3, 0, 0)
    assert found["terms"] == [
        {"name": "licence", "first": "CC0-1.0", "second": "unknown"},
        {"name": "origins", "first": None, "second": ["api"]},
        {"name": "ties", "first": "drop", "second": "soft"},
    ]
    assert difference(first, first).terms == {}


def test_kinds_that_were_not_asked_for_are_left_out(cast, judges, answered):
    give_task(cast.project, "Salt.", kind="thumbs")
    assignment = held(judges[0])
    submit(assignment.pk, judges[0], {"verdict": "good"}, key="thumb", origin="api")
    assert listed(freeze(cast.project, "rankings")) == answered
    assert len(listed(freeze(cast.project, "thumbs", Choice(kinds=("thumbs",))))) == 1


def test_other_projects_are_left_out(cast, answered):
    other = make_cast("other")
    (judge,) = make_judges(other.project, 1)
    give_tasks(other, 1)
    answer_all(judge)
    assert listed(freeze(cast.project, "first")) == answered


def test_too_few_rankings_freeze_nothing(cast, answered):
    with pytest.raises(Invalid, match="Tides has 3 rankings; at least 4 are needed"):
        freeze(cast.project, "first", minimum=4)
    with pytest.raises(Invalid, match="has 0 rankings; at least 1"):
        freeze(Project.objects.create(name="Empty", slug="empty"), "first")
    assert not Snapshot.objects.exists()


def test_other_kinds_than_there_are_are_not_called_rankings(cast, answered):
    with pytest.raises(Invalid, match="0 answers to tasks of the kinds chosen") as refusal:
        freeze(cast.project, "first", Choice(kinds=("thumbs",)))
    assert "rankings" not in str(refusal.value)
    with pytest.raises(Invalid, match="0 answers to tasks of the kinds chosen"):
        freeze(cast.project, "first", Choice(kinds=("compare",)))


def test_filters_that_leave_too_few_are_named_as_the_cause(cast, answered):
    with pytest.raises(Invalid, match="These filters leave 3 answers; at least 4 are needed"):
        freeze(cast.project, "first", Choice(origins=("api",)), minimum=4)


@pytest.mark.parametrize(
    ("choice", "words"),
    [
        (Choice(guidelines=("v9",)), "guidelines: there is none here called v9"),
        (Choice(sources=("gpt-none",)), "sources: there is none here called gpt-none"),
        (Choice(labels=("typo",)), "labels: no answer here is marked typo"),
    ],
)
def test_a_name_that_nothing_here_has_is_refused(cast, answered, choice, words):
    with pytest.raises(Invalid, match=words):
        freeze(cast.project, "first", choice)


def test_a_name_is_taken_once_a_project(cast, answered):
    freeze(cast.project, "first")
    with pytest.raises(Conflict, match="a snapshot 'first' exists already"):
        freeze(cast.project, "first")


# --- filling, then freezing -----------------------------------------------------------------


def test_what_comes_in_while_it_is_filled_is_neither_held_nor_measured(
    cast, judges, answered, monkeypatch
):
    """Whoever answers, withdraws or is excluded meanwhile changes nothing of it."""
    measure = agreement_of

    def meanwhile(*arguments):
        answer_all(judges[1])
        withdraw(answered[0], by=cast.manager, reason="asked to")
        change_standing(judges[0], Standing(excluded=True), by=cast.manager)
        return measure(*arguments)

    monkeypatch.setattr(snapshots, "agreement_of", meanwhile)
    snapshot = freeze(cast.project, "first", measured=True)
    assert listed(snapshot) == answered
    found = snapshot.agreement or {}
    assert (found["rankings"], found["annotators"]) == (3, 1)
    assert snapshot_hash(snapshot) == snapshot.sha256


def test_it_is_as_of_the_moment_of_choosing(cast, judges, answered, monkeypatch):
    def answer_meanwhile(project, submissions):
        answer_all(judges[1])
        return {}

    monkeypatch.setattr(snapshots, "agreement_of", answer_meanwhile)
    snapshot = freeze(cast.project, "first", measured=True)
    late = Submission.objects.filter(annotator=judges[1])
    assert late.exists()
    assert not late.filter(created_at__lte=snapshot.frozen_at).exists()


def test_measuring_holds_no_lock(cast, judges, answered, monkeypatch):
    depth = len(connection.savepoint_ids)

    def see(project, submissions):
        assert len(connection.savepoint_ids) == depth
        assert submissions.count() == 3
        return {}

    monkeypatch.setattr(snapshots, "agreement_of", see)
    assert freeze(cast.project, "first", measured=True).agreement == {}


@pytest.mark.django_db(transaction=True)
def test_what_fails_leaves_nothing_behind(cast, answered, monkeypatch):
    def fail(*_):
        raise KeyboardInterrupt

    with monkeypatch.context() as patched:
        patched.setattr(snapshots, "agreement_of", fail)
        with pytest.raises(KeyboardInterrupt):
            freeze(cast.project, "first", measured=True)
    assert not Snapshot.objects.exists()
    assert not SnapshotItem.objects.exists()
    assert freeze(cast.project, "first", measured=True).agreement is not None


def test_a_name_whose_snapshot_is_being_filled_is_taken(cast, answered):
    Snapshot.objects.create(project=cast.project, name="first")
    with pytest.raises(Conflict, match="is being frozen just now"):
        freeze(cast.project, "first")


def test_what_a_process_left_behind_as_it_died_makes_way(cast, answered):
    left = Snapshot.objects.create(project=cast.project, name="first")
    SnapshotItem.objects.create(snapshot=left, submission=answered[0])
    Snapshot.objects.update(created_at=left.created_at - snapshots.ABANDONED)
    snapshot = freeze(cast.project, "first")
    assert listed(snapshot) == answered
    assert Snapshot.objects.get() == snapshot


def test_whoever_was_taken_for_dead_freezes_nothing(cast, answered, monkeypatch):
    def be_replaced(project, submissions):
        SnapshotItem.objects.all().delete()
        Snapshot.objects.all().delete()
        return {}

    monkeypatch.setattr(snapshots, "agreement_of", be_replaced)
    with pytest.raises(Conflict, match="was given up"):
        freeze(cast.project, "first", measured=True)
    assert not Snapshot.objects.exists()

"""Frozen lists of submissions, and their hashes."""

from hashlib import sha256

import pytest

from annotation.choosing import Choice
from annotation.errors import Conflict, Invalid
from annotation.models import Project, Snapshot, Submission
from annotation.snapshots import freeze, snapshot_hash
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
    lines = "".join(f"{each.pk}:{each.body_sha256}\n" for each in answered)
    assert snapshot.sha256 == sha256(lines.encode()).hexdigest()


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


def test_the_same_submissions_have_the_same_hash(cast, judges, answered):
    first, again = freeze(cast.project, "first"), freeze(cast.project, "again")
    assert first.sha256 == again.sha256
    answer_all(judges[1])
    assert freeze(cast.project, "more").sha256 != first.sha256


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


def test_a_name_is_taken_once_a_project(cast, answered):
    freeze(cast.project, "first")
    with pytest.raises(Conflict, match="a snapshot 'first' exists already"):
        freeze(cast.project, "first")

"""Changing one's mind makes a new revision; what was said before stays stored."""

import pytest

from annotation import queue
from annotation.errors import Conflict, DraftChanged, Invalid, KeyReused
from annotation.models import Pair, Submission
from annotation.revisions import keep_draft, revisable, revise
from annotation.snapshots import freeze
from annotation.submissions import submit, withdraw
from tests.cast import full_ranking, give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def task(cast):
    return give_task(cast.project)


@pytest.fixture
def answer(cast, task):
    assignment, _ = queue.claim(cast.judge)
    receipt = submit(assignment.pk, cast.judge, full_ranking(task), key="first", origin="api")
    return Submission.objects.get(pk=receipt.id)


def change(cast, answer, task, *ranks, key="second"):
    return revise(answer.pk, cast.judge, full_ranking(task, *ranks), key=key, origin="api")


def test_the_new_revision_counts_and_the_old_one_stays(cast, task, answer):
    receipt = change(cast, answer, task, 1, 1, 3, 4)
    counted = Submission.objects.counted().get()
    assert (counted.pk, counted.revision, counted.supersedes) == (receipt.id, 2, answer)
    assert (counted.order, counted.guideline) == (answer.order, answer.guideline)
    assert receipt.pairs == 5
    assert Pair.objects.filter(ranking_id=answer.pk).count() == 6


def test_it_can_be_changed_again_from_the_newest_only(cast, task, answer):
    newest = change(cast, answer, task, 1, 1, 3, 4)
    with pytest.raises(Conflict, match="already"):
        change(cast, answer, task, 4, 3, 2, 1, key="third")
    third = revise(newest.id, cast.judge, full_ranking(task, 4, 3, 2, 1), key="third", origin="api")
    assert Submission.objects.counted().get().pk == third.id


def test_the_same_change_sent_twice_is_made_once(cast, task, answer):
    assert change(cast, answer, task, 2, 1, 3, 4) == change(cast, answer, task, 2, 1, 3, 4)
    assert Submission.objects.count() == 2


def test_one_key_is_not_for_two_changes(cast, task, answer):
    change(cast, answer, task, 2, 1, 3, 4)
    with pytest.raises(KeyReused):
        change(cast, answer, task, 1, 2, 4, 3)


def test_a_change_that_makes_no_sense_changes_nothing(cast, task, answer):
    with pytest.raises(Invalid, match="weak order"):
        change(cast, answer, task, 1, 3, 3, 4)
    assert Submission.objects.get() == answer
    answer.refresh_from_db()
    assert answer.current


def test_what_a_data_set_holds_stays(cast, task, answer):
    freeze(cast.project, "first")
    assert not revisable(cast.judge).exists()
    with pytest.raises(Conflict, match="data set"):
        change(cast, answer, task, 2, 1, 3, 4)


def test_what_was_withdrawn_stays_so(cast, task, answer):
    withdraw(answer, by=cast.manager, reason="by mistake")
    with pytest.raises(Conflict, match="withdrawn"):
        change(cast, answer, task, 2, 1, 3, 4)


def test_nobody_changes_the_answer_of_another(cast, task, answer):
    (other,) = make_judges(cast.project, 1)
    with pytest.raises(Conflict, match="not yours"):
        revise(answer.pk, other, full_ranking(task), key="k", origin="api")


def test_an_unfinished_change_is_kept_until_it_is_made(cast, task, answer):
    keep_draft(answer.assignment_id, cast.judge, {"comment": "better"})
    answer.assignment.refresh_from_db()
    base = answer.assignment.draft_saved_at
    assert answer.assignment.draft == {"comment": "better"}

    change(cast, answer, task, 2, 1, 3, 4)

    answer.assignment.refresh_from_db()
    assert answer.assignment.draft is None
    with pytest.raises(DraftChanged):
        keep_draft(answer.assignment_id, cast.judge, {"comment": "late"}, base)


def test_nobody_keeps_a_change_of_the_answer_of_another(cast, answer):
    (other,) = make_judges(cast.project, 1)
    with pytest.raises(Conflict, match="not yours"):
        keep_draft(answer.assignment_id, other, {"comment": "better"})

"""Reads for the pages: right, and in a number of queries that does not grow."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import leases, queue, selectors
from annotation.models import Assignment, Import, Membership, Submission
from annotation.people import annotator_for
from annotation.submissions import submit, withdraw
from tests.cast import full_ranking, give_task, make_cast, make_user

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast(overlap=2)


def answer(annotator, origin="screen"):
    assignment, _ = queue.claim(annotator)
    body = full_ranking(assignment.task)
    receipt = submit(assignment.pk, annotator, body, key=f"k{assignment.pk}", origin=origin)
    return Submission.objects.get(pk=receipt.id)


def test_responses_come_in_the_shown_order(cast):
    give_task(cast.project)
    assignment, _ = queue.claim(cast.judge)
    assert assignment is not None

    shown = selectors.shown_completions(assignment)

    assert [each.pk for each in shown] == assignment.order


def test_what_waits_is_what_could_be_claimed(cast):
    for number in range(3):
        give_task(cast.project, prompt=f"Question {number}?")
    withdrawn = give_task(cast.project, prompt="Withdrawn?")
    withdrawn.withdrawn = True
    withdrawn.save()
    answer(cast.judge)

    assert selectors.waiting_for(cast.project, cast.judge) == 2
    assert selectors.waiting_for(cast.project, None) == 3


def test_a_full_task_waits_for_nobody(cast):
    give_task(cast.project, wanted=1)
    answer(cast.judge)

    assert selectors.waiting_for(cast.project, annotator_for(cast.reviewer, cast.project)) == 0


def test_a_task_that_expired_waits_again(cast):
    give_task(cast.project)
    queue.claim(cast.judge)
    Assignment.objects.update(expires_at=timezone.now() - timedelta(seconds=1))
    leases.expire()

    assert selectors.waiting_for(cast.project, cast.judge) == 1


def test_counting_what_waits_stops_where_it_is_no_longer_shown(cast, monkeypatch):
    monkeypatch.setattr(selectors, "COUNTED_UP_TO", 2)
    for number in range(5):
        give_task(cast.project, prompt=f"Question {number}?")

    count = selectors.waiting_for(cast.project, None)

    assert selectors.shown_count(count) == "2+"


def test_work_counts_what_was_done(cast):
    for number in range(2):
        give_task(cast.project, prompt=f"Question {number}?")
    answer(cast.judge)

    work = selectors.work_of(cast.judge)

    assert (work.waiting_shown, work.today, work.total) == ("1", 1, 1)


def test_progress_counts_answers_that_count(cast):
    for number in range(3):
        give_task(cast.project, prompt=f"Question {number}?")
    answer(cast.judge)
    withdraw(answer(cast.judge), by=cast.manager, reason="a mistake")

    progress = selectors.progress(cast.project)

    assert (progress.tasks, progress.wanted, progress.given, progress.today) == (3, 6, 1, 1)
    assert progress.percent == 16


def test_progress_of_nothing_is_nothing(cast):
    progress = selectors.progress(cast.project)

    assert (progress.tasks, progress.wanted, progress.given, progress.percent) == (0, 0, 0, 0)


def test_progress_leaves_out_what_an_import_has_not_published(cast):
    batch = Import.objects.create(
        project=cast.project, kind="rankings", file_name="a", file_sha256="a", rows_total=1
    )
    give_task(cast.project, batch=batch)

    assert selectors.progress(cast.project).tasks == 0


def test_imported_answers_are_not_todays_work(cast):
    give_task(cast.project)
    answer(cast.judge, origin="import")

    progress = selectors.progress(cast.project)

    assert (progress.given, progress.today, progress.imported) == (1, 0, 1)


def test_people_are_listed_once_with_their_roles(cast):
    Membership.objects.create(project=cast.project, user=cast.annotator, role="manager")
    give_task(cast.project)
    answer(cast.judge)

    first, *others = selectors.people_of(cast.project)

    assert (first.user, first.roles, first.answers) == (
        cast.annotator,
        ["annotator", "manager"],
        1,
    )
    assert {person.answers for person in others} == {0}
    assert len(others) == 3


@pytest.mark.parametrize("count", [3, 30])
def test_reads_of_a_project_take_the_same_queries_however_much_there_is(
    cast, count, django_assert_num_queries
):
    for number in range(count):
        give_task(cast.project, prompt=f"Question {number}?", wanted=count)
        member = make_user(f"person-{number}")
        Membership.objects.create(project=cast.project, user=member, role="annotator")
        answer(annotator_for(member, cast.project))

    judge = cast.judge

    with django_assert_num_queries(2):
        selectors.progress(cast.project)
    with django_assert_num_queries(2):
        assert len(selectors.people_of(cast.project)) == count + 4
    with django_assert_num_queries(3):
        selectors.work_of(judge)


def test_my_projects_are_those_i_have_a_part_in(cast):
    make_cast("rivers")
    Membership.objects.filter(project__slug="rivers").exclude(user=cast.manager).delete()

    assert [one.project.slug for one in selectors.projects_for(cast.annotator)] == ["tides"]
    assert [one.project.slug for one in selectors.projects_for(cast.manager)] == ["rivers", "tides"]
    assert selectors.projects_for(cast.outsider) == []


def test_my_projects_say_what_i_hold_and_what_waits(cast):
    for number in range(3):
        give_task(cast.project, prompt=f"Question {number}?")
    answer(cast.judge)
    held, _ = queue.claim(cast.judge)

    (one,) = selectors.projects_for(cast.annotator)

    assert (one.held, one.waiting, one.today) == (held, 1, 1)
    assert (one.ranks, one.reads) == (True, False)


def test_a_superuser_manages_every_project(cast):
    cast.outsider.is_superuser = True
    cast.outsider.save()

    (one,) = selectors.projects_for(cast.outsider)

    assert (one.ranks, one.reads) == (False, True)


@pytest.mark.parametrize("count", [2, 5])
def test_my_projects_take_one_query_more_for_each_project(cast, count, django_assert_num_queries):
    annotator_for(cast.annotator, cast.project)
    for number in range(1, count):
        other = make_cast(f"project-{number}")
        annotator_for(other.annotator, other.project)

    with django_assert_num_queries(4 + count):
        assert len(selectors.projects_for(cast.annotator)) == count

"""What a person did: counts, days in a row, and every answer found again."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import history, queue
from annotation.models import Submission
from annotation.snapshots import freeze
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast

pytestmark = pytest.mark.django_db(transaction=True)


@pytest.fixture
def cast():
    return make_cast()


def answer(cast, prompt, *ranks, **body):
    task = give_task(cast.project, prompt=prompt)
    assignment, _ = queue.claim(cast.judge)
    said = full_ranking(task, *ranks) | body
    receipt = submit(assignment.pk, cast.judge, said, key=prompt, origin="api")
    return Submission.objects.get(pk=receipt.id)


def test_before_the_first_answer_there_is_nothing(cast):
    counts = history.counts_of(cast.judge)
    assert (counts.today, counts.week, counts.total, counts.days_in_a_row) == (0, 0, 0, 0)
    assert counts.seconds is None


def test_the_usual_time_is_the_median(cast):
    for number, seconds in enumerate((5, 600, 9)):
        answer(cast, f"Question {number}?", seconds=seconds)
    assert history.counts_of(cast.judge).seconds == 9


@pytest.mark.parametrize(
    ("days_ago", "row"),
    [((0,), 1), ((1,), 1), ((2,), 0), ((0, 1, 2), 3), ((1, 2, 4), 2), ((0, 2), 1)],
)
def test_days_in_a_row_reach_up_to_today_or_yesterday(cast, monkeypatch, days_ago, row):
    now = timezone.now().replace(hour=12)
    for days in sorted(days_ago, reverse=True):
        monkeypatch.setattr(timezone, "now", lambda days=days: now - timedelta(days=days))
        answer(cast, f"Question {days}?")
    monkeypatch.setattr(timezone, "now", lambda: now)
    assert history.counts_of(cast.judge).days_in_a_row == row


def test_an_answer_is_found_by_words_of_its_prompt(cast):
    wanted = answer(cast, "Wie salzig ist das MEER über Nacht?")
    answer(cast, "Why is the sky blue?")
    found = history.answered(cast.judge, "meer ÜBER", 0, 10)
    assert [each.submission for each in found] == [wanted]


def test_answers_come_in_pages_newest_first(cast):
    made = [answer(cast, f"Question {number}?") for number in range(5)]
    page = history.answered(cast.judge, "question", 1, 2)
    assert [each.submission for each in page] == [made[3], made[2]]


def test_an_answer_is_told_in_the_letters_of_the_screen(cast):
    given = answer(cast, "Why?", 2, 2, 1, 4)
    letters = dict(zip(given.order, "ABCD", strict=True))
    ranks = {item.completion_id: item.rank for item in given.ranking.items.all()}
    tied = " = ".join(sorted(letters[pk] for pk, rank in ranks.items() if rank == 2))
    (best,) = (letters[pk] for pk, rank in ranks.items() if rank == 1)
    (last,) = (letters[pk] for pk, rank in ranks.items() if rank == 4)
    assert history.answered(cast.judge, "", 0, 1)[0].order == f"{best} › {tied} › {last}"


def test_what_a_data_set_holds_is_not_offered_for_change(cast):
    answer(cast, "First?")
    freeze(cast.project, "first")
    answer(cast, "Second?")
    assert [each.may_change for each in history.answered(cast.judge, "", 0, 9)] == [True, False]

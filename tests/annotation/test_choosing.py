"""The filters of a snapshot take exactly what they say."""

from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import queue
from annotation.choosing import ALL, Choice, check, count
from annotation.errors import Invalid
from annotation.guidelines import publish
from annotation.models import Submission
from annotation.pairs import Ties
from annotation.quality.figures import Figure
from annotation.quality.reliability import Person
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db
LABELS = ["false", 'a"false', "rude, false", "é"]


@pytest.fixture
def cast():
    return make_cast(labels=LABELS)


def answer(cast, judge, label=None, **how):
    task = give_task(cast.project, prompt=f"Question {Submission.objects.count()}?")
    held, _ = queue.claim(judge)
    body = full_ranking(task)
    if label:
        body["labels"] = {next(iter(body["ranks"])): [label]}
    receipt = submit(held.pk, judge, body, key=f"{task.pk}", origin="api", **how)
    return receipt.id


def chosen(cast, **filters):
    return list(Choice(**filters).apply(cast.project).order_by("pk").values_list("pk", flat=True))


def test_times_take_what_lies_between(cast):
    first, second = answer(cast, cast.judge), answer(cast, cast.judge)
    times = dict(Submission.objects.values_list("pk", "created_at"))
    assert chosen(cast, since=times[second]) == [second]
    assert chosen(cast, until=times[second]) == [first]
    assert chosen(cast, since=timezone.now() + timedelta(days=1)) == []


def test_a_guideline_takes_what_was_ranked_by_it(cast):
    first = answer(cast, cast.judge)
    publish(cast.project, "New.", cast.manager)
    second = answer(cast, cast.judge)
    assert chosen(cast, guidelines=("v1",)) == [first]
    assert chosen(cast, guidelines=("v1", "v2")) == [first, second]


def test_kinds_of_annotators_and_ways_are_told_apart(cast):
    mine = answer(cast, cast.judge)
    assert chosen(cast, annotators=("human",), origins=("api",)) == [mine]
    assert chosen(cast, annotators=("ai",)) == []
    assert chosen(cast, origins=("screen",)) == []


def test_sources_take_what_ranks_one_of_their_answers(cast):
    mine = answer(cast, cast.judge)
    assert chosen(cast, sources=("an-outside-model", "another")) == [mine]
    assert chosen(cast, sources=("another",)) == []


@pytest.mark.parametrize("label", LABELS)
def test_a_label_takes_what_bears_it_and_none_that_looks_like_it(cast, label):
    marked = {each: answer(cast, cast.judge, each) for each in LABELS}
    assert chosen(cast, labels=(label,)) == [marked[label]]


def test_people_below_a_figure_are_left_out_and_so_are_those_without_one(cast, monkeypatch):
    judges = [cast.judge, *make_judges(cast.project, 2)]
    answers = [answer(cast, judge) for judge in judges]
    values = (0.9, 0.5, None)
    people = [
        Person(judge.pseudonym, "human", 1, {"accuracy": Figure(value), "agreement": Figure(0.7)})
        for judge, value in zip(judges, values, strict=True)
    ]
    monkeypatch.setattr("annotation.choosing.annotators_report", lambda _: people)
    assert chosen(cast, minimum_accuracy=0.5) == answers[:2]
    assert chosen(cast, minimum_accuracy=0.6, minimum_agreement=0.7) == answers[:1]
    assert chosen(cast, minimum_agreement=0.8) == []


def test_what_is_said_can_be_written_down():
    now = timezone.now()
    assert ALL.as_dict() == {"kinds": ["compare", "rank"], "ties": "drop"}
    assert Choice(since=now, labels=("b", "a"), ties=Ties.SOFT, minimum_accuracy=0.5).as_dict() == {
        "kinds": ["compare", "rank"],
        "since": now.isoformat(),
        "labels": ["a", "b"],
        "minimum_accuracy": 0.5,
        "ties": "soft",
    }


def test_an_end_before_the_beginning_is_refused():
    now = timezone.now()
    with pytest.raises(Invalid, match="must be later than since"):
        check(Choice(since=now, until=now))


def test_counts_say_what_there_is(cast):
    answer(cast, cast.judge)
    answer(cast, make_judges(cast.project, 1)[0])
    counts = count(ALL.apply(cast.project))
    assert (counts.submissions, counts.annotators, counts.prompts, counts.pairs) == (2, 2, 2, 12)
    assert sum(counts.splits.values()) == 2
    assert (counts.kinds, counts.guidelines) == ({"human": 2}, {"v1": 2})

"""From the database to arrays, and from there to the figures of command and API."""

import json
from io import StringIO

import numpy as np
import pytest
from django.core.management import CommandError, call_command
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import guidelines
from annotation.models import Annotator, Prompt, Submission, Task
from annotation.quality.reading import (
    Filters,
    read_categories,
    read_work,
    thumb_labels,
    unacceptable_labels,
)
from annotation.quality.reports import agreement_report, annotators_report
from annotation.quality.work import GOLD, NORMAL, REPEAT
from annotation.queue import claim
from annotation.repeats import make_ready
from annotation.submissions import submit, withdraw
from annotation.tasking import make_gold
from tests.annotation.working import answer_all, give_tasks, held
from tests.api import Api
from tests.cast import full_ranking, give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast(overlap=3, placement_seed=7)


def rank(judge, *ranks, **body):
    """Claim the next task and give it these ranks, in slot order."""
    assignment = held(judge)
    said = {**full_ranking(assignment.task, *ranks), **body}
    receipt = submit(assignment.pk, judge, said, key=f"{assignment.pk}", origin="api")
    return Submission.objects.get(pk=receipt.id)


def test_a_ranking_becomes_rows_of_the_arrays(cast):
    give_task(cast.project, "Short", "Rather longer", "A", wanted=2)
    submission = rank(cast.judge, 2, 1, 2, seconds=12.5)
    work = read_work(cast.project)
    assert len(work) == 1
    assert (work.pseudonyms[work.annotator[0]], work.seconds[0]) == (cast.judge.pseudonym, 12.5)
    assert (work.purpose[0], list(work.starts)) == (NORMAL, [0, 3])
    by_item = dict(zip(work.item, zip(work.rank, work.length, work.slot, strict=True), strict=True))
    items = submission.ranking.items.select_related("completion")
    for item in items:
        shown = submission.order.index(item.completion_id)
        length = len(item.completion.text)
        assert by_item[item.completion_id] == (item.rank, length, shown)
    assert work.at[0] == pytest.approx(submission.created_at.timestamp() / 86400)


def test_gold_and_repeats_come_with_what_they_are_held_against(cast):
    (expert,) = make_judges(cast.project, 1)
    give_tasks(cast, 22, wanted=1)
    answer_all(expert)
    first = Submission.objects.filter(annotator=expert).first()
    assert first is not None
    make_gold(first)
    cast.project.gold_share = 1
    cast.project.save()
    rank(cast.judge, 2, 1, 3, 4)
    cast.project.gold_share, cast.project.repeat_share = 0, 1
    cast.project.save()
    make_ready(expert)
    rank(expert, 1, 2, 4, 3)
    work = read_work(cast.project)
    for purpose, ranks in ((GOLD, [2, 1, 3, 4]), (REPEAT, [1, 2, 4, 3])):
        (row,) = np.flatnonzero(work.purpose == purpose)
        items = slice(work.starts[row], work.starts[row + 1])
        assert sorted(work.known[items]) == [1, 2, 3, 4]
        pairs = set(zip(work.known[items], work.rank[items], strict=True))
        assert pairs == set(zip([1, 2, 3, 4], ranks, strict=True))
    assert not work.known[: work.starts[22]].any()
    people = {person.pseudonym: person.figures for person in annotators_report(cast.project)}
    # One pair of six the other way round.
    assert people[cast.judge.pseudonym]["gold"].value == pytest.approx(5 / 6)
    assert people[expert.pseudonym]["self_agreement"].value == pytest.approx(5 / 6)
    figures = agreement_report(cast.project)["figures"]
    assert figures["gold"]["value"] == pytest.approx(5 / 6)
    assert figures["self_agreement"]["value"] == pytest.approx(5 / 6)


def test_withdrawn_and_superseded_rankings_are_not_read(cast):
    give_tasks(cast, 2)
    answer_all(cast.judge)
    withdraw(Submission.objects.all()[0], by=cast.manager, reason="a slip")
    assert len(read_work(cast.project)) == 1


def test_other_projects_are_not_read(cast):
    other = make_cast("dunes")
    give_tasks(other, 2)
    answer_all(other.judge)
    assert len(read_work(cast.project)) == 0


def test_reading_takes_as_many_queries_for_many_as_for_few(cast):
    counts = []
    for number in (3, 12):
        for task in range(number):
            give_task(cast.project, prompt=f"Question {number}-{task}?")
        answer_all(cast.judge)
        with CaptureQueriesContext(
            connection,
        ) as queries:
            read_work(cast.project)
        counts.append(len(queries))
    assert counts == [6, 6]


def filtered(cast, **filters):
    return len(read_work(cast.project, Filters(**filters)))


def test_filters_leave_only_what_fits(cast):
    begin = timezone.now()
    give_task(cast.project, prompt="One?", wanted=1)
    Task.objects.get().prompt.__class__.objects.update(metadata={"category": "sea"})
    rank(cast.judge)
    middle = timezone.now()
    label = guidelines.publish(cast.project, "Be kind.", cast.manager).label
    robot = Annotator.objects.create(project=cast.project, pseudonym="robot", kind="ai")
    give_task(cast.project, prompt="Two?", wanted=1)
    rank(robot)
    assert filtered(cast) == 2
    assert filtered(cast, since=middle) == filtered(cast, until=middle) == 1
    assert filtered(cast, until=begin) == 0
    assert filtered(cast, category="sea") == 1
    assert filtered(cast, guideline=label) == 1
    assert filtered(cast, kind="ai") == filtered(cast, kind="human") == 1
    assert filtered(cast, kind="ai", category="sea") == 0


def test_unacceptable_completions_become_labels(cast):
    give_task(cast.project)
    first, second = make_judges(cast.project, 2)
    uids = [str(slot.completion.uid) for slot in Task.objects.get().slots.all()]
    rank(first, 1, 2, 3, 4, unacceptable=[uids[3]])
    rank(second)
    labels = unacceptable_labels(read_work(cast.project))
    assert list(np.bincount(labels.unit)) == [2] * 4
    assert labels.value.sum() == 1


def test_thumbs_become_labels(cast):
    give_task(cast.project, "An answer", kind="thumbs")
    for judge, verdict in zip(make_judges(cast.project, 3), ("good", "good", "bad"), strict=True):
        assignment, _ = claim(judge)
        assert assignment is not None
        submit(assignment.pk, judge, {"verdict": verdict}, key="k", origin="api")
    labels = thumb_labels(Submission.objects.filter(project=cast.project))
    assert sorted(labels.value) == [0, 1, 1]
    assert set(labels.unit) == {0}


# --- the same figures everywhere ------------------------------------------------------------


@pytest.fixture
def judged(cast):
    give_tasks(cast, 3)
    first, second, third = make_judges(cast.project, 3)
    for ranks in ([1, 2, 3, 4], [1, 2, 2, 4], [4, 3, 2, 1]):
        rank(first, *ranks)
        rank(second, 1, 2, 3, 4)
    rank(third)
    return cast


def test_the_command_and_the_api_give_the_same_figures(judged):
    out = StringIO()
    call_command("agreement", project="tides", json=True, stdout=out)
    printed = json.loads(out.getvalue())
    people = printed.pop("people")
    assert printed == agreement_report(judged.project)
    api = Api(judged.researcher)
    assert api.get("projects/tides/agreement/").json() == printed
    assert api.get("projects/tides/annotators/").json()["annotators"] == people


def test_the_report_counts_and_measures(judged):
    report = agreement_report(judged.project)
    counts = ("rankings", "questions", "shared_questions", "annotators")
    assert [report[name] for name in counts] == [7, 3, 3, 3]
    # Decided by both: the first question 3 · 6 pairs alike, then 5 alike, then 6 opposed.
    assert report["figures"]["pairwise"]["value"] == pytest.approx((18 + 5) / (18 + 5 + 6))


def test_the_command_prints_sentences_for_people(judged):
    out = StringIO()
    call_command("agreement", project="tides", stdout=out)
    assert "7 rankings of 3 questions by 3 annotators" in out.getvalue()
    assert "pairwise                   0.793 No interval" in out.getvalue()
    assert "thumbs: alpha              Nobody's work can be compared" in out.getvalue()


@pytest.mark.parametrize("category", ["sea", 3, 2.5, True, False, ["a", 1], {"é": None}, "3"])
def test_what_a_category_is_called_is_what_it_is_asked_for_by(cast, judges, category):
    give_tasks(cast, 2)
    answer_all(judges[0])
    first = Task.objects.earliest("pk")
    Prompt.objects.filter(tasks=first).update(metadata={"category": category})
    (name,) = {*read_categories(cast.project).values()}
    assert filtered(cast, category=name) == 1


@pytest.mark.parametrize("name", ["NaN", "1e999", '["\\u0000"]', '"\\ud800"', "[" * 200, "null"])
def test_what_no_category_can_be_called_finds_none(cast, judges, name):
    give_tasks(cast, 1)
    answer_all(judges[0])
    assert filtered(cast, category=name) == 0


def test_a_version_that_nobody_knows_is_refused(cast):
    with pytest.raises(CommandError, match="guideline: no version here is called v9"):
        call_command("agreement", project="tides", guideline="v9")
    reply = Api(cast.manager).get("projects/tides/agreement/?guideline=v9")
    assert reply.status_code == 400
    assert "v9" in reply.json()["detail"]


def test_parts_are_told_by_category_kind_version_and_time(judged):
    first = Task.objects.earliest("pk")
    Prompt.objects.filter(tasks=first).update(metadata={"category": "poems"})
    odd = Task.objects.order_by("pk")[1]
    Prompt.objects.filter(tasks=odd).update(metadata={"category": ["a", 1]})
    (judge,) = Annotator.objects.bulk_create(
        [Annotator(project=judged.project, pseudonym="a-model", kind="ai")]
    )
    rank(judge, 4, 3, 2, 1)  # the second question: the first is full

    report = Api(judged.manager).get("projects/tides/agreement/").json()
    named = {each["name"]: each["rankings"] for each in report["categories"]}
    assert named["poems"] == 3
    assert '["a", 1]' in named
    assert "" in named
    kinds = {(each["one"], each["other"]): each["agreement"] for each in report["kinds"]}
    assert set(kinds) == {("human", "human"), ("ai", "ai"), ("human", "ai")}
    assert kinds["ai", "ai"]["value"] is None
    assert kinds["human", "ai"]["value"] is not None
    assert [(each["guideline"], each["rankings"]) for each in report["versions"]] == [("v1", 8)]
    assert sum(each["rankings"] for each in report["over_time"]) == 8
    assert {(each["one"], each["other"]) for each in report["pairs"]}
    out = StringIO()
    call_command("agreement", project="tides", stdout=out)
    assert "category poems" in out.getvalue()
    assert "human with ai" in out.getvalue()


def test_an_empty_project_gets_sentences_not_errors(cast):
    report = agreement_report(cast.project)
    assert report["rankings"] == 0
    assert all(figure["value"] is None and figure["why"] for figure in report["figures"].values())
    assert annotators_report(cast.project) == []


@pytest.mark.parametrize("since", ["yesterday", "2026-02-30"])
def test_the_command_refuses_what_is_no_date(cast, since):
    with pytest.raises(CommandError, match="is no date"):
        call_command("agreement", project="tides", since=since)


def test_the_api_filters_and_refuses_unknown_filters(judged):
    api = Api(judged.manager)
    assert api.get("projects/tides/agreement/", kind="ai").json()["rankings"] == 0
    for filters in ({"nonsense": "1"}, {"since": "soon"}, {"kind": "martian"}):
        assert api.get("projects/tides/annotators/", **filters).status_code == 400

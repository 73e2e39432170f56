"""The explorer finds what was said, and comes at once whatever is asked for."""

from datetime import timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import exploring, guidelines, narrowing
from annotation.exploring import Query
from annotation.gathering import gather
from annotation.models import Doubt, Source, Submission, TaskKind
from annotation.queue import claim
from annotation.snapshots import freeze
from annotation.submissions import submit, withdraw
from tests.cast import full_ranking, give_task, make_cast, make_judges

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast(overlap=2)


def say(judge, *ranks):
    """The judge's ranking of their next task."""
    assignment, _ = claim(judge)
    body = full_ranking(assignment.task, *ranks)
    receipt = submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")
    return Submission.objects.get(pk=receipt.id)


def explore(project, query, before=None, *, seconds=60):
    gather()
    return exploring.explore(project, query, before, seconds=seconds)


def found(cast, before=None, **query):
    page = explore(cast.project, Query(**query), before)
    return [row.submission.pk for row in page.rows]


@pytest.fixture
def salt_and_sky(cast):
    """One answer about salt, then one about the sky."""
    first, second = make_judges(cast.project, 2)
    give_task(cast.project, "Rivers carry minerals.", "Fish.", prompt="Why is the sea salty?")
    salt = say(first)
    give_task(cast.project, "Rayleigh scattering.", "Föhn!", prompt="Why is the sky blue?")
    say(second)
    return salt, say(second)


def test_the_newest_come_first(cast, salt_and_sky):
    pks = found(cast)
    assert pks == sorted(pks, reverse=True)
    assert len(pks) == 3


@pytest.mark.parametrize(
    ("words", "tasks"),
    [
        ("salty", 1),
        ("SALTY sea", 1),
        ("why is the", 2),
        ("minerals", 1),
        ("salty blue", 0),
        ("mineral", 0),
        ("föhn", 1),
        ("rayleigh scattering.", 1),
        ("100%", 0),
        ("' OR 1=1 --", 0),
    ],
)
def test_words_are_found_whole_in_prompts_and_responses(cast, salt_and_sky, words, tasks):
    page = explore(cast.project, Query(words=words))
    assert len({row.submission.task_id for row in page.rows}) == tasks


def test_a_common_word_is_found_by_windows_too(cast, salt_and_sky, monkeypatch):
    monkeypatch.setattr(narrowing, "FEW", 0)
    assert len(found(cast, words="minerals")) == 2
    assert len(found(cast, words="why")) == 3


def test_each_filter_keeps_what_fits(cast, salt_and_sky):
    salt, last = salt_and_sky
    assert found(cast, annotator=salt.annotator_id) == [salt.pk]
    assert salt.pk in found(cast, guideline=salt.guideline_id)
    assert len(found(cast, kind="rank")) == 3
    assert found(cast, kind="thumbs") == []
    split = last.task.prompt.split
    assert last.pk in found(cast, split=split)
    source = Source.objects.get()
    assert len(found(cast, source=source.pk)) == 3
    other = Source.objects.create(project=cast.project, kind="model", name="other")
    assert found(cast, source=other.pk) == []


def test_filters_are_held_together(cast, salt_and_sky):
    salt, _ = salt_and_sky
    assert found(cast, words="salty", annotator=salt.annotator_id) == [salt.pk]
    assert found(cast, words="blue", annotator=salt.annotator_id) == []


def test_a_snapshot_shows_what_it_holds(cast, salt_and_sky):
    salt, _ = salt_and_sky
    held = freeze(cast.project, "v1")
    give_task(cast.project, prompt="Later?")
    late = say(cast.judge)
    assert late.pk not in found(cast, snapshot=held.pk)
    assert salt.pk in found(cast, snapshot=held.pk)
    assert len(found(cast, snapshot=held.pk)) == 3


def test_dates_are_bounds(cast, salt_and_sky):
    _salt, last = salt_and_sky
    past = timezone.now() - timedelta(days=3)
    assert found(cast, until=past) == []
    assert len(found(cast, since=past)) == 3
    assert found(cast, since=last.created_at) == [last.pk]
    assert last.pk not in found(cast, until=last.created_at)
    assert found(cast, since=timezone.now() + timedelta(days=1)) == []


def test_disagreement_is_a_filter(cast, salt_and_sky):
    salt, _last = salt_and_sky
    Doubt.objects.create(task=salt.task, reason="disagreement", strength=0.5, said="They do.")
    assert salt.pk in found(cast, agreement="disagreement")
    assert found(cast, agreement="contradicted") == []
    assert salt.pk not in found(cast, agreement="agreed")


def test_pages_hold_every_answer_once(cast, monkeypatch):
    monkeypatch.setattr(exploring, "ROWS", 2)
    monkeypatch.setattr(exploring, "WINDOW", 1)
    monkeypatch.setattr(exploring, "LEAST", 1)
    (judge,) = make_judges(cast.project, 1)
    for number in range(7):
        give_task(cast.project, prompt=f"Question {number}?")
        say(judge)
    seen, before = [], None
    while True:
        page = explore(cast.project, Query(), before)
        seen += [row.submission.pk for row in page.rows]
        before = page.before
        if before is None:
            break
    assert seen == sorted(Submission.objects.values_list("pk", flat=True), reverse=True)


def test_a_page_that_time_cuts_short_says_so_and_the_next_goes_on(cast, monkeypatch):
    monkeypatch.setattr(exploring, "WINDOW", 1)
    monkeypatch.setattr(exploring, "LEAST", 1)
    (judge,) = make_judges(cast.project, 1)
    give_task(cast.project, kind=TaskKind.COMPARE, *("ab"), prompt="The one?")  # noqa: B026
    wanted = say(judge, 1, 2)
    for number in range(5):
        give_task(cast.project, prompt=f"Question {number}?")
        say(judge)
    monkeypatch.setattr(narrowing, "FEW", 0)
    page = explore(cast.project, Query(kind="compare"), seconds=0)
    assert (page.rows, page.cut) == ([], True)
    assert page.reached is not None
    for _ in range(10):
        if page.rows or page.before is None:
            break
        page = explore(cast.project, Query(kind="compare"), page.before, seconds=0)
    assert [row.submission.pk for row in page.rows] == [wanted.pk]


def test_what_was_withdrawn_is_not_shown(cast, salt_and_sky):
    salt, _ = salt_and_sky
    withdraw(salt, by=cast.manager, reason="They asked.")
    assert salt.pk not in found(cast)


def test_nothing_of_another_project_is_shown(cast, salt_and_sky):
    other = make_cast("dunes")
    guidelines.publish(other.project, "# Theirs", None)
    assert found(other) == []
    assert found(other, words="salty") == []


def test_ties_stand_together(cast):
    (judge,) = make_judges(cast.project, 1)
    give_task(cast.project, "a", "b", "c")
    say(judge, 2, 1, 2)
    (row,) = explore(cast.project, Query()).rows
    assert row.tiers == ["B", "AC"]


def test_it_asks_as_often_for_many_as_for_one(cast):
    (judge,) = make_judges(cast.project, 1)
    counts = []
    for number in range(4):
        give_task(cast.project, prompt=f"Question {number}?")
        say(judge)
        with CaptureQueriesContext(connection) as captured:
            explore(cast.project, Query())
        counts.append(len(captured))
    assert len(set(counts)) == 1


def test_what_is_expected_to_be_many_is_not_even_looked_for(cast, salt_and_sky, monkeypatch):
    """PostgreSQL's planner is asked first; elsewhere rows are read up to the limit."""
    if connection.vendor != "postgresql":
        pytest.skip("PostgreSQL alone has an index of words.")
    monkeypatch.setattr(narrowing, "MANY", -1)
    with CaptureQueriesContext(connection) as captured:
        assert len(found(cast, words="sea")) == 2
    assert not [each for each in captured.captured_queries if "MATERIALIZED" in each["sql"]]
    monkeypatch.undo()
    with CaptureQueriesContext(connection) as captured:
        assert len(found(cast, words="sea")) == 2
    assert len([each for each in captured.captured_queries if "MATERIALIZED" in each["sql"]]) == 2


def test_words_narrow_what_another_filter_has_narrowed(cast, salt_and_sky):
    salt, _ = salt_and_sky
    Doubt.objects.create(task=salt.task, reason="disagreement", strength=0.5, said="So.")
    assert found(cast, agreement="disagreement", words="salty")[-1] == salt.pk
    assert found(cast, agreement="disagreement", words="blue") == []

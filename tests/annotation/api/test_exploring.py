"""The explorer's filters for the list of submissions."""

import pytest

from annotation.gathering import gather
from annotation.models import Doubt, Source, Submission
from annotation.reviews import note
from annotation.snapshots import freeze
from tests.annotation.working import answer
from tests.cast import give_task, make_judges

LIST = "projects/tides/submissions/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def answered(cast):
    """Three answers, one about the moon, which a snapshot holds."""
    (judge,) = make_judges(cast.project, 1)
    for prompt in ("Why does the moon shine?", "Why is the sea salty?", "Why do cats purr?"):
        give_task(cast.project, prompt=prompt)
        answer(judge)
        if not cast.project.snapshots.exists():
            freeze(cast.project, "first")
    return list(Submission.objects.order_by("pk"))


def found(api, **filters):
    gather()
    return {each["id"] for each in api.get(LIST, **filters).json()["results"]}


def test_words_are_looked_for_in_prompts_and_responses(answered, researcher):
    assert found(researcher, words="moon") == {answered[0].pk}
    assert found(researcher, words="answer salty") == {answered[1].pk}
    assert found(researcher, words="nowhere") == set()


def test_all_filters_of_the_explorer_narrow_the_list(cast, answered, researcher):
    first, second, third = answered
    snapshot = cast.project.snapshots.get()
    assert found(researcher, snapshot=snapshot.pk) == {first.pk}
    at = second.created_at.isoformat()
    assert found(researcher, until=at) == {first.pk}
    assert found(researcher, since=at) == {second.pk, third.pk}
    assert found(researcher, source="an-outside-model") == {each.pk for each in answered}

    splits = {each.task.prompt.split for each in answered}
    together = [found(researcher, split=split) for split in splits]
    assert sorted(pk for each in together for pk in each) == [each.pk for each in answered]
    note([Doubt(task=second.task, reason="disagreement", strength=0.5, said="They disagree.")])
    assert found(researcher, agreement="disagreement") == {second.pk}
    assert found(researcher, agreement="disagreement", words="moon") == set()
    assert found(researcher, agreement="agreed") == set()


def test_a_filter_that_is_none_is_refused(cast, answered, researcher):
    Source.objects.create(project=cast.project, kind="model", name="silent")
    for filters in (
        {"words": "?!"},
        {"source": "nobody"},
        {"split": "half"},
        {"agreement": "strife"},
        {"snapshot": "first"},
        {"since": "yesterday"},
    ):
        assert researcher.get(LIST, **filters).status_code == 400, filters
    assert found(researcher, source="silent") == set()
    assert found(researcher, snapshot=2**62) == set()

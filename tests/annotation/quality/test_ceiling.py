"""How well people foretell people, on the same items."""

import pytest

from annotation.models import Submission
from annotation.quality.ceiling import ceiling
from annotation.repeats import make_ready
from annotation.submissions import submit
from tests.annotation.working import give_tasks, held
from tests.cast import full_ranking

pytestmark = pytest.mark.django_db


def say(judge, *ranks):
    assignment = held(judge)
    body = full_ranking(assignment.task, *ranks)
    return submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api").id


def test_only_the_items_named_are_measured(cast, judges):
    give_tasks(cast, 2)
    alike = [say(judge, 1, 2, 3, 4) for judge in judges[:2]]
    for judge, ranks in ((judges[0], (1, 2, 3, 4)), (judges[1], (4, 3, 2, 1))):
        say(judge, *ranks)
    every = Submission.objects.filter(project=cast.project)
    assert ceiling(cast.project, every).others.value == 0.5
    assert ceiling(cast.project, every.filter(pk__in=alike)).others.value == 1


def test_repeats_of_them_say_how_people_agree_with_themselves(cast, judges, monkeypatch):
    monkeypatch.setattr("annotation.placement.REPEAT_AFTER", 0)
    give_tasks(cast, 1)
    first = say(judges[0], 1, 2, 3, 4)
    cast.project.repeat_share = 1.0
    cast.project.save()
    make_ready(judges[0])
    say(judges[0], 1, 2, 4, 3)
    every = Submission.objects.filter(pk=first)
    assert ceiling(cast.project, every).oneself.value == pytest.approx(5 / 6)
    assert ceiling(cast.project, every.none()).oneself.value is None

"""What the clock asks for."""

import pytest

from annotation import tasks
from annotation.models import Doubt
from annotation.quality import reports
from annotation.submissions import submit
from tests.annotation.working import give_tasks, held
from tests.cast import full_ranking

pytestmark = pytest.mark.django_db


def test_projects_are_measured_before_anybody_asks(cast, judges, monkeypatch):
    give_tasks(cast, 1)
    for judge, ranks in zip(judges, ((1, 2, 3, 4), (4, 3, 2, 1)), strict=False):
        assignment = held(judge)
        body = full_ranking(assignment.task, *ranks)
        submit(assignment.pk, judge, body, key="k", origin="api")
    tasks.measure()
    assert Doubt.objects.get().reason == "disagreement"
    monkeypatch.setattr(reports, "measure", None)  # would fail if it were called
    assert reports.measured(cast.project).value.rankings == 2

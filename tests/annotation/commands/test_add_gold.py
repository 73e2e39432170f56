"""The command that makes gold tasks."""

import json
from io import StringIO

import pytest
from django.core.management import CommandError, call_command

from annotation.models import Submission, Task
from tests.annotation.working import answer_all, give_tasks
from tests.cast import make_cast, make_judges

pytestmark = pytest.mark.django_db


@pytest.fixture
def expert():
    cast = make_cast()
    (expert,) = make_judges(cast.project, 1)
    give_tasks(cast, 3)
    answer_all(expert)
    return expert


def run(*arguments):
    out = StringIO()
    call_command("add_gold", "--project", "tides", "--json", *map(str, arguments), stdout=out)
    return json.loads(out.getvalue())


def test_all_rankings_of_an_expert_become_gold_once(expert):
    assert run("--annotator", expert.pseudonym) == {"project": "tides", "made": 3, "gold": 3}
    assert run("--annotator", expert.pseudonym)["made"] == 0
    references = Task.objects.filter(purpose="gold").values_list("reference", flat=True)
    assert set(references) == set(Submission.objects.values_list("pk", flat=True))


def test_one_ranking_becomes_gold(expert):
    chosen = Submission.objects.all()[1]
    assert run("--submission", chosen.pk)["made"] == 1
    assert Task.objects.get(purpose="gold").reference == chosen


def test_an_unknown_ranking_is_refused(expert):
    with pytest.raises(CommandError, match="no such ranking"):
        run("--annotator", "nobody")

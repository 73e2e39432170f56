"""Gold tasks, by programs and by a button beside a ranking."""

import pytest

from annotation.models import AuditEntry, Submission, Task
from annotation.submissions import withdraw
from tests.annotation.working import answer, give_tasks
from tests.api import Api
from tests.cast import make_cast, make_judges

GOLD = "projects/tides/gold/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def ranking(cast):
    (expert,) = make_judges(cast.project, 1)
    give_tasks(cast, 1)
    answer(expert)
    return Submission.objects.get()


def test_a_gold_task_is_made_of_a_ranking_once(cast, ranking):
    api = Api(cast.manager)
    made = api.post(GOLD, {"submission": ranking.pk})
    assert (made.status_code, made.json()["purpose"]) == (201, "gold")
    assert api.post(GOLD, {"submission": ranking.pk}).json()["id"] == made.json()["id"]
    gold = Task.objects.get(purpose="gold")
    assert gold.reference == ranking
    entry = AuditEntry.objects.get(verb="task.gold")
    assert entry.actor == f"user:{cast.manager.pk}"
    (listed,) = api.get("projects/tides/tasks/", purpose="gold").json()["results"]
    assert listed["id"] == gold.pk


def test_what_is_no_ranking_that_counts_is_refused(cast, ranking):
    api = Api(cast.manager)
    other = make_cast("dunes")
    give_tasks(other, 1)
    answer(make_judges(other.project, 1)[0])
    withdraw(ranking, by=cast.manager, reason="wrong")
    for pk in (ranking.pk, Submission.objects.get(project=other.project).pk, 999):
        reply = api.post(GOLD, {"submission": pk})
        assert reply.status_code == 400
        assert "no ranking that counts" in reply.json()["detail"]


def test_a_button_beside_each_ranking_makes_gold_of_it(cast, ranking, client):
    client.force_login(cast.manager)
    page = f"/projects/tides/tasks/{ranking.task_id}/"
    assert "Use as gold" in client.get(page).text
    reply = client.post(f"{page}gold/", {"submission": ranking.pk}, follow=True)
    assert "It is a gold task now" in reply.text
    assert "Use as gold" not in reply.text
    assert Task.objects.filter(purpose="gold", reference=ranking).count() == 1
    for said in ("", "x", "999"):
        client.post(f"{page}gold/", {"submission": said})
    assert Task.objects.filter(purpose="gold").count() == 1
    client.force_login(cast.researcher)
    assert "Use as gold" not in client.get(page).text

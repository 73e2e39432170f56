"""Changing an answer on the page keeps what the page no longer asks for."""

import pytest

from annotation import queue
from annotation.models import Project, Submission
from annotation.submissions import submit
from tests.cast import full_ranking, give_task

pytestmark = pytest.mark.django_db


def test_ratings_stay_where_the_project_has_stopped_asking_for_them(web, assignment):
    uids = [str(each.uid) for each in assignment.task.completions.order_by("pk")]
    body = full_ranking(assignment.task) | {"ratings": dict.fromkeys(uids, 5)}
    first = submit(assignment.pk, assignment.annotator, body, key="k", origin="api")
    Project.objects.update(rate_first=False)

    places = {f"place-{uid}": str(number) for number, uid in enumerate(reversed(uids), start=1)}
    web.post(f"/answers/{first.id}/", {"key": "again", **places})

    changed = Submission.objects.get(supersedes=first.id)
    assert [item.rating for item in changed.ranking.items.all()] == [5] * len(uids)


@pytest.mark.parametrize("said", [{"key": "again"}, {"leave": "1"}])
def test_it_leads_back_to_the_task_in_hand(web, cast, assignment, form, said):
    web.post(f"/tasks/{assignment.pk}/", form)
    answer = Submission.objects.get()
    assert web.post(f"/answers/{answer.pk}/", form | said).url == "/projects/tides/mine/"

    give_task(cast.project, prompt="And the next?")
    held, _ = queue.claim(cast.judge)
    newest = Submission.objects.get(current=True)

    reply = web.post(f"/answers/{newest.pk}/", form | said | {"key": "once more"})
    assert reply.url == f"/tasks/{held.pk}/"

"""A task with all that people said of it, and what they say together."""

from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation import reviews
from annotation.judged import find_any_task, judged, other_answers, snapshots_of
from annotation.models import Annotator, Project, Role, Task, User
from annotation.people import has_role
from annotation.views.access import PersonRequest, project_for

READERS = (Role.MANAGER, Role.RESEARCHER)


def must_rank_first(user: User, project: Project, task: Task) -> bool:
    """Whether this person may yet have to judge the task, and would no longer be blind."""
    if has_role(user, project, *READERS):
        return False
    annotator = Annotator.objects.filter(project=project, user=user).first()
    return reviews.is_blind(task, annotator)


@login_required
@never_cache
@require_safe
def judged_task(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = project_for(request.user, slug, Role.REVIEWER, *READERS)
    task = find_any_task(project, pk)
    if task is None:
        raise Http404
    blind = must_rank_first(request.user, project, task)
    context = {
        "project": project,
        "task": task,
        "judged": None if blind else judged(task),
        "others": [] if blind else other_answers(task),
        "snapshots": [] if blind else snapshots_of(task),
        "reads": has_role(request.user, project, *READERS),
        "doubts": list(task.doubts.order_by("-strength")),
        "manages": has_role(request.user, project, Role.MANAGER),
        "reviews": has_role(request.user, project, Role.REVIEWER),
    }
    return render(request, "judged.html", context)

"""Pages that show both sides: what people do, and what the models make of it.

They stand here because the people's side knows nothing of training. Each view parses, calls one
verb, and renders.
"""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import Http404, HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils import timezone
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from annotation.charts import Chart, lines
from annotation.errors import Conflict, Refused
from annotation.judged import find_task
from annotation.models import Project, Role
from annotation.needs import in_order, people_needs, reports
from annotation.people import has_role
from annotation.quality.figures import Figure
from annotation.quality.kept import keep
from annotation.quality.pace import forecast, pace_of
from annotation.quality.reports import measured
from annotation.selectors import given_counts, people_of, progress, projects_for
from annotation.sheets import sheet
from annotation.snapshots import withdrawn_in_any
from annotation.views.access import PersonRequest, acts_from, project_for
from annotation.views.figures import agreement_chart, pace_chart, point
from training import rounds, selectors
from training.curves import charts_of
from training.forms import ReasonForm, RoundForm
from training.methods import METHODS
from training.models import Policy, Round, RoundPlan
from training.needs import models_needs
from training.scores import ask_for_scores
from training.tasks import wake
from training.withdrawals import of_policies

READERS = (Role.MANAGER, Role.RESEARCHER)


@login_required
@never_cache
@require_safe
def home(request: PersonRequest) -> HttpResponse:
    context = {
        "mine": projects_for(request.user),
        "decisions": selectors.decisions_for(request.user),
    }
    return render(request, "home.html", context)


@login_required
@never_cache
@require_safe
def project(request: PersonRequest, slug: str) -> HttpResponse:
    found = project_for(request.user, slug, *READERS)
    return _project_page(request, found)


def _project_page(
    request: PersonRequest, project: Project, form: RoundForm | None = None, status: int = 200
) -> HttpResponse:
    shown = list(selectors.rounds_of(project)[: selectors.ROUNDS_SHOWN])
    manages = has_role(request.user, project, Role.MANAGER)
    current = selectors.current_round(shown)
    context: dict[str, Any] = {
        "project": project,
        "manages": manages,
        "rounds": shown,
        "current": current,
        "steps": selectors.steps_of(current) if current else [],
        "policies": _policies(project),
        **_live(project),
        **_outlook(project),
        "ceiling": selectors.ceiling_of(shown),
    }
    context["ceiling_chart"] = ceiling_chart(context["ceiling"])
    if manages:
        plan = RoundPlan.objects.filter(project=project).first()
        needs = [*people_needs(project, context["measured"]), *models_needs(project)]
        context["needs"] = in_order(needs)
        # By name: whoever takes data away knows people by their pseudonyms alone.
        context["people"] = people_of(project)
        context |= {"plan": plan, "form": form or RoundForm(plan=plan), "reason": ReasonForm()}
    return render(request, "project.html", context, status=status)


def _policies(project: Project) -> list[tuple[Policy, int]]:
    """The newest, each with how much of what it learned from was withdrawn since."""
    shown = list(selectors.policies_of(project)[: selectors.POLICIES_SHOWN])
    withdrawn = of_policies(project, shown)
    return [(each, withdrawn.get(each.pk, 0)) for each in shown]


def _outlook(project: Project) -> dict[str, Any]:
    """What needs somebody now, how fast it goes on, how far people agree."""
    kept = measured(project)
    today = timezone.localdate()
    pace = keep(project, f"pace:{today}", lambda: pace_of(project)).value
    given = keep(project, f"given:{today}", lambda: given_counts(project)).value
    done = progress(project, given)
    goal = project.goal or done.wanted
    return {
        "progress": done,
        "goal": goal,
        "goal_percent": int(100 * min(done.given, goal) / goal) if goal else 0,
        "left": max(0, goal - done.given),
        "pace": pace,
        "pace_chart": pace_chart(pace),
        "forecast": forecast(pace, goal - done.given),
        "measured": kept.value,
        "agreement_chart": agreement_chart(kept.value.over_time),
        "reports": reports(project),
    }


def ceiling_chart(found: list[selectors.RoundCeiling]) -> Chart | None:
    """None before the first reward model."""
    if not found:
        return None
    names = [gettext("Round %(number)s") % {"number": each.number} for each in found]
    series = {
        str(words): [
            point(f"{words}, {rounds_name}", Figure(*each.figures[name]))
            for rounds_name, each in zip(names, found, strict=True)
        ]
        for name, words in selectors.CEILING.items()
    }
    return lines(names, series, 0.4, 1.0)


def _live(project: Project) -> dict[str, Any]:
    accuracy = selectors.live_accuracy(project)
    return {"live": accuracy, "trend": selectors.live_trend(project) if accuracy else []}


@login_required
@never_cache
@require_safe
def live(request: PersonRequest, slug: str) -> HttpResponse:
    """The live head's part of the project page, which asks for it again and again."""
    found = project_for(request.user, slug, *READERS)
    return render(request, "project/live.html", {"project": found, **_live(found)})


@login_required
@acts_from("project", "slug")
def start_round(request: PersonRequest, slug: str) -> HttpResponse:
    found = project_for(request.user, slug, Role.MANAGER)
    form = RoundForm(request.POST, plan=RoundPlan.objects.filter(project=found).first())
    try:
        if form.is_valid():
            made = rounds.start(
                found,
                method=form.cleaned_data["method"],
                trigger=Round.Trigger.HAND,
                by=f"user:{request.user.pk}",
                configuration=form.configuration(),
            )
            wake()
            messages.success(
                request, gettext("Round %(number)s has started.") % {"number": made.number}
            )
            return redirect("project", slug)
    except Conflict as refusal:
        # The page of a project whose round runs has no form to say it beside.
        messages.error(request, str(refusal))
        return redirect("project", slug)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return _project_page(request, found, form, status=400)


@login_required
@require_safe
def ceiling_sheet(request: PersonRequest, slug: str) -> HttpResponse:
    """Reward models beside people, round by round, as CSV."""
    found = project_for(request.user, slug, *READERS)
    figures = selectors.ceiling_of(list(selectors.rounds_of(found)))
    columns = [f"{name}{end}" for name in selectors.CEILING for end in ("", "_low", "_high")]
    rows = [
        [each.number, *(value for name in selectors.CEILING for value in each.figures[name])]
        for each in figures
    ]
    return sheet(f"{slug}-ceiling", ["round", *columns], rows)


@login_required
@never_cache
@require_safe
def round_page(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    found = project_for(request.user, slug, *READERS)
    context = _round_context(request, found, number)
    return render(request, "round.html", context | {"curves": charts_of(context["round"])})


@login_required
@never_cache
@require_safe
def round_progress(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    """The moving part of a page, which asks for it every second or so; ``titled`` where the page
    shows other things than this round."""
    found = project_for(request.user, slug, *READERS)
    context = _round_context(request, found, number) | {"titled": "titled" in request.GET}
    return render(request, "project/steps.html", context)


def _round_context(request: PersonRequest, project: Project, number: int) -> dict[str, Any]:
    shown = get_object_or_404(selectors.rounds_of(project), number=number)
    return {
        "project": project,
        "manages": has_role(request.user, project, Role.MANAGER),
        "round": shown,
        "steps": selectors.steps_of(shown),
        "explained": METHODS[shown.method].says if shown.method in METHODS else "",
        "reason": ReasonForm(),
        "withdrawn": withdrawn_in_any([shown.snapshot_id]),
    }


@login_required
@acts_from("round", "slug", "number")
def stop_round(request: PersonRequest, slug: str, number: int) -> HttpResponse:
    found = project_for(request.user, slug, Role.MANAGER)
    running = get_object_or_404(Round, project=found, number=number)
    reason = _reason(request)
    if reason:
        try:
            rounds.stop(running, by=request.user, reason=reason)
            messages.success(request, gettext("Round %(number)s is stopped.") % {"number": number})
        except Refused as refusal:
            messages.error(request, str(refusal))
    return redirect("round", slug, number)


@login_required
@acts_from("project", "slug")
def promote(request: PersonRequest, slug: str, version: int) -> HttpResponse:
    policy = _candidate(request, slug, version)
    try:
        rounds.promote(policy, by=request.user)
        messages.success(request, gettext("Policy %(policy)s is active now.") % {"policy": policy})
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("project", slug)


@login_required
@acts_from("project", "slug")
def reject(request: PersonRequest, slug: str, version: int) -> HttpResponse:
    policy = _candidate(request, slug, version)
    reason = _reason(request)
    if reason:
        try:
            rounds.reject(policy, by=request.user, reason=reason)
            messages.success(
                request,
                gettext("Policy %(policy)s is rejected; the active one stays.")
                % {"policy": policy},
            )
        except Refused as refusal:
            messages.error(request, str(refusal))
    return redirect("project", slug)


@login_required
@acts_from("judged-task", "slug", "pk")
def score_task(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    """Ask for the scores that a task's page lacks."""
    found = project_for(request.user, slug, *READERS)
    task = find_task(found, pk)
    if task is None:
        raise Http404
    ask_for_scores(task)
    wake()
    return redirect("judged-task", slug, pk)


def _candidate(request: PersonRequest, slug: str, version: int) -> Policy:
    found = project_for(request.user, slug, Role.MANAGER)
    return get_object_or_404(Policy, project=found, version=version)


def _reason(request: PersonRequest) -> str:
    """The reason given; empty, with a message to the person, when it will not do."""
    form = ReasonForm(request.POST)
    if form.is_valid():
        return str(form.cleaned_data["reason"])
    messages.error(request, " ".join(str(each) for each in form.errors["reason"]))
    return ""

"""Data sets: choose, freeze, look at, compare, take away."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.http import require_http_methods, require_safe

from annotation import exporting
from annotation.choosing import count
from annotation.errors import Refused
from annotation.exporting.downloads import asked_for, download, manifest_of
from annotation.exporting.known import sizes
from annotation.exporting.manifest import SUFFIX
from annotation.forms import ChoiceForm, NameForm, OtherForm, in_words, terms_in_words
from annotation.models import Project, Role, Snapshot
from annotation.people import has_role
from annotation.selectors import frozen_snapshots
from annotation.snapshots import difference, freeze, withdrawn_from
from annotation.views.access import PersonRequest, project_for

SHOWN = 100
EXAMPLES = 20


@login_required
@require_http_methods(["GET", "HEAD", "POST"])
def data(request: PersonRequest, slug: str) -> HttpResponse:
    """The snapshots, and a form that counts what it would take before it freezes it."""
    project = _project(request, slug)
    sent = request.POST if request.method == "POST" else request.GET
    form = ChoiceForm(project, sent)
    name = NameForm(request.POST if request.method == "POST" else None)
    if request.method == "POST" and form.is_valid() and name.is_valid():
        try:
            made = freeze(
                project,
                name.cleaned_data["name"],
                form.choice(),
                measured=True,
                licence=name.cleaned_data["licence"],
                by=request.user,
            )
        except Refused as refusal:
            name.add_error(None, str(refusal))
        else:
            messages.success(
                request, gettext("Frozen: %(size)s answers.") % {"size": f"{made.size:,}"}
            )
            return redirect("snapshot", slug, made.pk)
    return _choose(request, project, form, name)


def _choose(
    request: PersonRequest, project: Project, form: ChoiceForm, name: NameForm
) -> HttpResponse:
    counted = bool(form.data) and form.is_valid()
    snapshots = list(frozen_snapshots(project)[:SHOWN])
    withdrawn = withdrawn_from(snapshots)
    context = {
        "project": project,
        "manages": has_role(request.user, project, Role.MANAGER),
        "form": form,
        "name": name,
        "counts": count(form.choice().apply(project)) if counted else None,
        "snapshots": [(each, withdrawn.get(each.pk, 0)) for each in snapshots],
    }
    wrong = (form.data and form.errors) or name.errors
    return render(request, "data/list.html", context, status=400 if wrong else 200)


@login_required
@require_safe
def snapshot(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project = _project(request, slug)
    found = _snapshot(project, pk)
    others = frozen_snapshots(project).exclude(pk=pk)
    form = OtherForm(others, request.GET or None)
    if form.is_bound and form.is_valid():
        return redirect("snapshot-difference", slug, pk, form.cleaned_data["other"].pk)
    context = {
        "project": project,
        "snapshot": found,
        "chosen_by": in_words(found.filters),
        "counts": count(found.submissions.all()),
        "tasks": found.consensus.count() if found.is_consensus else 0,
        "withdrawn": withdrawn_from([found]).get(found.pk, 0),
        "formats": _formats(found),
        "form": form,
        "others": others.exists(),
    }
    return render(request, "data/snapshot.html", context, status=400 if form.errors else 200)


def _formats(found: Snapshot) -> list[dict[str, Any]]:
    """Each format with its words, how many bytes it has where that is known, and whether a split
    goes out alone."""
    words = {name: layout.words for name, layout in exporting.FORMATS.items()}
    words[exporting.FOLDER] = exporting.FOLDER_WORDS
    known = sizes(found)
    return [
        {"name": name, "words": said, "bytes": known.get(name), "is_one": name != exporting.FOLDER}
        for name, said in words.items()
    ]


@login_required
@require_safe
def snapshot_difference(request: PersonRequest, slug: str, pk: int, other: int) -> HttpResponse:
    """What ``other`` holds against the snapshot."""
    project = _project(request, slug)
    first, second = _snapshot(project, pk), _snapshot(project, other)
    found = difference(first, second)
    context: dict[str, Any] = {"project": project, "first": first, "second": second}
    context |= {"counts": found.counts(), "examples": EXAMPLES, "agreed": found.agreed}
    context["terms"] = terms_in_words(found.terms)
    for name in ("lost", "gained"):
        rows = getattr(found, name).select_related("task__prompt", "guideline", "annotator")
        context[name] = rows.order_by("pk")[:EXAMPLES]
    return render(request, "data/difference.html", context)


@login_required
@require_safe
def snapshot_download(
    request: PersonRequest, slug: str, pk: int, format: str
) -> HttpResponse | StreamingHttpResponse:
    project = _project(request, slug)
    found = _snapshot(project, pk)
    try:
        return download(project, format, asked_for(request.GET, found, request.user))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("snapshot", slug, pk)


@login_required
@require_safe
def snapshot_manifest(request: PersonRequest, slug: str, pk: int, format: str) -> HttpResponse:
    """The signed manifest of the download, named after its file."""
    project = _project(request, slug)
    found = _snapshot(project, pk)
    try:
        manifest = manifest_of(project, format, asked_for(request.GET, found, request.user))
    except Refused as refusal:
        messages.error(request, str(refusal))
        return redirect("snapshot", slug, pk)
    reply = HttpResponse(manifest.as_json(), content_type="application/json")
    reply["Content-Disposition"] = f'attachment; filename="{manifest.file}{SUFFIX}"'
    return reply


def _project(request: PersonRequest, slug: str) -> Project:
    return project_for(request.user, slug, Role.MANAGER, Role.RESEARCHER)


def _snapshot(project: Project, pk: int) -> Snapshot:
    return get_object_or_404(frozen_snapshots(project), pk=pk)

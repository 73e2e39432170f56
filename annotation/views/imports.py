"""Files that managers send to be imported: chosen, looked into, started, watched, cancelled."""

from typing import Any

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpResponse
from django.shortcuts import get_object_or_404, redirect, render
from django.utils.translation import gettext
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt, csrf_protect
from django.views.decorators.http import require_http_methods, require_safe

from annotation import uploading
from annotation.errors import Refused
from annotation.forms.uploads import ColumnsForm, UploadForm
from annotation.models import Project, Role, Upload
from annotation.tasks import wake_for_uploads
from annotation.uploading.handlers import ToDisk
from annotation.uploading.listing import (
    KINDS,
    imported_before,
    lines_of,
    progress_of,
    uploads_of,
)
from annotation.views.access import PersonRequest, acts_from, project_for


@csrf_exempt  # checked below: whoever may not send a file has none of it read
@login_required
@never_cache
@require_http_methods(["GET", "HEAD", "POST"])
def imports(request: PersonRequest, slug: str) -> HttpResponse:
    project = project_for(request.user, slug, Role.MANAGER)
    handler = ToDisk(request)
    request.upload_handlers = [handler]
    try:
        return _imports(request, project, handler)
    finally:
        handler.drop()


@csrf_protect
def _imports(request: PersonRequest, project: Project, handler: ToDisk) -> HttpResponse:
    if request.method != "POST":
        return _list(request, project, UploadForm(handler))
    form = UploadForm(handler, request.POST, request.FILES)
    if form.is_valid():
        said = form.cleaned_data
        try:
            made = uploading.receive(project, said["kind"], said["file"], by=request.user)
            wake_for_uploads()
            return redirect("import", project.slug, made.pk)
        except Refused as refusal:
            form.add_error("file", str(refusal))
    return _list(request, project, form, status=400)


def _list(
    request: PersonRequest, project: Project, form: UploadForm, status: int = 200
) -> HttpResponse:
    context = {"project": project, "form": form, "lines": lines_of(project)}
    return render(request, "imports/list.html", context, status=status)


@login_required
@never_cache
@require_safe
def import_page(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project, upload = _find(request, slug, pk)
    return _page(request, project, upload)


@login_required
@never_cache
@require_safe
def import_progress(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    """The moving part of the page, which asks for it every second or so."""
    project, upload = _find(request, slug, pk)
    return render(request, "imports/progress.html", _context(project, upload))


@login_required
@acts_from("import", "slug", "pk")
def import_columns(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    project, upload = _find(request, slug, pk)
    form = ColumnsForm(upload, request.POST)
    try:
        if form.is_valid():
            uploading.set_columns(upload, form.mapping(), by=request.user)
            wake_for_uploads()
            return redirect("import", slug, pk)
    except Refused as refusal:
        form.add_error(None, str(refusal))
    return _page(request, project, upload, form, status=400)


@login_required
@acts_from("import", "slug", "pk")
def start_import(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    _, upload = _find(request, slug, pk)
    try:
        uploading.start(upload, by=request.user)
        wake_for_uploads()
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("import", slug, pk)


@login_required
@acts_from("import", "slug", "pk")
def cancel_import(request: PersonRequest, slug: str, pk: int) -> HttpResponse:
    _, upload = _find(request, slug, pk)
    try:
        uploading.cancel(upload, by=request.user)
        wake_for_uploads()
        if upload.ended_at:
            messages.success(request, gettext("Cancelled. The file is deleted."))
    except Refused as refusal:
        messages.error(request, str(refusal))
    return redirect("import", slug, pk)


def _find(request: PersonRequest, slug: str, pk: int) -> tuple[Project, Upload]:
    project = project_for(request.user, slug, Role.MANAGER)
    return project, get_object_or_404(uploads_of(project), pk=pk)


def _page(
    request: PersonRequest,
    project: Project,
    upload: Upload,
    form: ColumnsForm | None = None,
    status: int = 200,
) -> HttpResponse:
    context = _context(project, upload)
    if upload.state == Upload.State.READY:
        context |= {"form": form or ColumnsForm(upload), "before": imported_before(upload)}
    return render(request, "imports/page.html", context, status=status)


def _context(project: Project, upload: Upload) -> dict[str, Any]:
    return {
        "project": project,
        "upload": upload,
        "kind": KINDS[upload.kind],
        "settled": upload.state not in Upload.WORK,
        "now": progress_of(upload),
    }

"""Uploads that lie in a folder of the test's own."""

import json
from typing import Any

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import RequestFactory

from annotation import uploading
from annotation.models import Upload
from annotation.uploading.handlers import ToDisk


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"
    return settings.UPLOADS_DIR


@pytest.fixture
def send(cast):
    """Sends rows as a file and returns the upload, in this state."""

    def send(*rows, kind="rankings", state="checking", name="rows.jsonl"):
        text = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows)
        request = RequestFactory().post("/", {"file": SimpleUploadedFile(name, text.encode())})
        request.upload_handlers = [ToDisk(request)]
        sent: Any = request.FILES["file"]
        made = uploading.receive(cast.project, kind, sent, by=cast.manager)
        Upload.objects.filter(pk=made.pk).update(state=state, started_by=cast.manager)
        made.refresh_from_db()
        return made

    return send

"""Files sent over the API to be imported: at once or only looked into, watched, cancelled."""

import json

import pytest
from django.core.files.uploadedfile import SimpleUploadedFile
from django.test import Client

from annotation.models import Prompt, Upload
from annotation.tokens import issue
from annotation.uploading.working import work_off
from tests.api import Api, check_reply

pytestmark = pytest.mark.django_db
PATH = "/api/v1/projects/tides/imports/"


@pytest.fixture(autouse=True)
def folder(settings, tmp_path):
    settings.UPLOADS_DIR = tmp_path / "uploads"
    return settings.UPLOADS_DIR


@pytest.fixture
def manager(cast):
    return Api(cast.manager)


def send(user, content=b'{"prompt": "Why?"}\n', name="a.jsonl", **fields):
    headers = {"Authorization": f"Token {issue(user)}"}
    body = {"kind": "prompts", "file": SimpleUploadedFile(name, content)} | fields
    reply = Client().post(PATH, body, headers=headers)
    check_reply(PATH, "POST", reply)
    return reply


def work():
    while work_off():
        pass


def test_a_file_is_sent_imported_and_its_state_read(cast, manager):
    made = send(cast.manager).json()
    assert (made["state"], made["outcome"]) == ("importing", None)
    work()
    found = manager.get(f"projects/tides/imports/{made['id']}/").json()
    assert (found["state"], found["outcome"]["prompts"]) == ("done", 1)
    assert Prompt.objects.count() == 1


def test_a_file_is_looked_into_and_then_started(cast, manager):
    columns = json.dumps({"prompt": "question"})
    sent = b"question\nWhy?\n"
    made = send(cast.manager, sent, "a.csv", columns=columns, start="false").json()
    work()
    found = manager.get(f"projects/tides/imports/{made['id']}/").json()
    assert (found["state"], found["found"]["rows"]) == ("ready", 1)
    assert manager.post(f"projects/tides/imports/{made['id']}/start/").json()["state"] == (
        "importing"
    )
    work()
    assert Prompt.objects.count() == 1


def test_wrong_rows_end_it_with_one_sentence_and_nothing_is_stored(cast, manager):
    made = send(cast.manager, b'{"prompt": "Why?"}\n{"prompt": ""}\n').json()
    work()
    found = manager.get(f"projects/tides/imports/{made['id']}/").json()
    assert found["state"] == "failed"
    assert found["error"] == "a.jsonl, line 2: prompt: it is empty."
    assert not Prompt.objects.exists()


def test_what_is_sent_is_cancelled(cast, manager, folder):
    made = send(cast.manager, start="false").json()
    reply = manager.post(f"projects/tides/imports/{made['id']}/cancel/")
    assert reply.json()["state"] == "cancelled"
    assert list(folder.iterdir()) == []
    assert manager.post(f"projects/tides/imports/{made['id']}/cancel/").status_code == 409


def test_a_second_one_at_once_is_refused_and_not_kept(cast, folder):
    send(cast.manager)
    reply = send(cast.manager, b'{"prompt": "How?"}\n')
    assert reply.status_code == 409
    assert Upload.objects.count() == len(list(folder.iterdir())) == 1


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"columns": "{"}, "columns: malformed JSON"),
        ({"columns": "[]"}, "columns: must be an object"),
        ({"columns": '{"nothing": "a"}'}, "columns: 'nothing' is no field."),
        ({"kind": "images"}, "kind:"),
        ({"more": "1"}, "more: unknown field."),
        ({"file": SimpleUploadedFile("a.zip", b"PK\x03\x04 and more")}, "no sound zip archive"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_kept(cast, folder, fields, words):
    reply = send(cast.manager, **fields)
    assert reply.status_code == 400
    assert words in reply.json()["detail"]
    assert not Upload.objects.exists()
    assert list(folder.iterdir()) == []


def test_what_is_too_large_is_refused(cast, folder, settings):
    settings.UPLOAD_MAX_BYTES = 10
    reply = send(cast.manager)
    assert (reply.status_code, reply.json()["code"]) == (413, "too_large")
    assert list(folder.iterdir()) == []


def test_a_file_of_somebody_without_the_role_is_never_read(cast, folder):
    assert send(cast.researcher).status_code == 403
    assert not folder.exists()

"""What holds for every page: its headers, its errors, and that nothing stands inline."""

import re
from pathlib import Path

import pytest
from django.conf import settings as site
from django.test import Client
from django.views.defaults import bad_request, server_error

from tests.cast import make_cast

pytestmark = pytest.mark.django_db
TEMPLATES = sorted((site.BASE_DIR / "templates").rglob("*.html"))
STATIC = site.BASE_DIR / "webapp" / "static"


@pytest.fixture
def person(client):
    cast = make_cast()
    client.force_login(cast.annotator)
    return client


def test_a_page_forbids_what_it_does_not_need(person):
    headers = person.get("/").headers

    policy = headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self'" in policy
    assert "style-src 'self'" in policy
    assert "unsafe" not in policy
    assert headers["X-Content-Type-Options"] == "nosniff"
    assert headers["X-Frame-Options"] == "DENY"
    assert headers["Referrer-Policy"] == "same-origin"


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_holds_nothing_inline(template):
    text = template.read_text()

    assert not re.search(r"<script(?![^>]*\ssrc=)|<style|\sstyle=|\son\w+=|javascript:", text)


@pytest.mark.parametrize("template", TEMPLATES, ids=lambda path: path.name)
def test_a_template_turns_escaping_off_nowhere(template):
    text = template.read_text().replace("field.help_text|safe", "")

    assert not re.search(r"\|\s*safe|autoescape off", text)


def test_what_is_not_there_says_so_kindly(person):
    reply = person.get("/projects/nowhere/")

    assert reply.status_code == 404
    assert "There is nothing here" in reply.text


def test_an_address_that_the_api_does_not_have_is_answered_for_programs(person):
    reply = person.get("/api/v1/nowhere/")

    assert reply.status_code == 404
    assert reply.json()["code"] == "not_found"


def test_an_address_of_the_api_without_its_slash_leads_to_the_right_one(person):
    assert person.get("/api/v1/projects").headers["Location"] == "/api/v1/projects/"


def test_what_is_not_allowed_says_which_role_is_missing(person):
    reply = person.get("/projects/tides/")

    assert reply.status_code == 403
    assert "You need the role manager or researcher in Tides." in reply.text


def test_a_form_from_an_old_page_is_explained():
    client = Client(enforce_csrf_checks=True)

    reply = client.post("/accounts/login/", {"login": "a", "password": "b"})

    assert reply.status_code == 403
    assert "The page was too old" in reply.text


@pytest.mark.parametrize(
    ("view", "status", "words"),
    [(bad_request, 400, "could not be understood"), (server_error, 500, "Something broke")],
)
def test_a_broken_request_or_page_is_explained(rf, view, status, words):
    exception = (Exception(),) if view is bad_request else ()

    reply = view(rf.get("/"), *exception)

    assert reply.status_code == status
    assert words in reply.content.decode()


def modules():
    return sorted(STATIC.rglob("*.js"))


@pytest.mark.parametrize("module", modules(), ids=lambda path: path.name)
def test_a_module_imports_what_is_there_and_evaluates_nothing(module):
    text = module.read_text()

    for name in re.findall(r'from "([^"]+)"', text):
        assert (Path(module).parent / name).is_file(), name
    assert not re.search(r"\beval\(|new Function|setAttribute\(\"style|document\.write", text)

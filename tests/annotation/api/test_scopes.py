"""What a token reaches: no further than its scope, and not a second longer than it should."""

from datetime import timedelta

import pytest
from django.utils import timezone
from knox.models import AuthToken

from annotation.models import TokenAccess
from annotation.tokens import issue
from tests.api import Api

pytestmark = pytest.mark.django_db


def with_token(user, **terms):
    api = Api()
    api.headers["Authorization"] = f"Token {issue(user, **terms)}"
    return api


def test_a_token_that_reads_claims_nothing(cast):
    api = with_token(cast.annotator, scope="read")
    assert api.get("projects/tides/").status_code == 200
    reply = api.post("projects/tides/assignments/")
    assert (reply.status_code, reply.json()["code"]) == (403, "scope")
    assert "scope is read; this needs annotate" in reply.json()["detail"]


def test_a_token_that_annotates_manages_nothing(cast):
    api = with_token(cast.manager, scope="annotate")
    reply = api.post("projects/tides/prompts/", [{"prompt": "Why?"}])
    assert (reply.status_code, reply.json()["code"]) == (403, "scope")


def test_no_scope_gives_a_role(cast):
    reply = with_token(cast.annotator, scope="manage").get("projects/tides/prompts/")
    assert (reply.status_code, reply.json()["code"]) == (403, "not_allowed")


def test_a_token_of_unknown_reach_only_reads(cast):
    api = with_token(cast.annotator)
    TokenAccess.objects.all().delete()
    assert api.get("projects/tides/").status_code == 200
    assert api.post("projects/tides/assignments/").status_code == 403


def test_an_expired_token_says_since_when_and_what_to_do(cast):
    api = with_token(cast.researcher, days=1)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    reply = api.get("projects/tides/pairs/")
    assert reply.status_code == 401
    assert "This token expired on" in reply.json()["detail"]
    assert "page Tokens" in reply.json()["detail"]


def test_bytes_that_are_no_text_are_no_token(cast):
    api = Api()
    api.headers["Authorization"] = "Token \xff\xfe"
    assert api.get("projects/").status_code == 401

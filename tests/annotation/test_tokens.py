from datetime import timedelta
from io import StringIO

import pytest
from django.core.management import CommandError, call_command
from django.utils import timezone
from knox.models import AuthToken

from annotation.errors import Conflict, Invalid
from annotation.models import AuditEntry
from annotation.tokens import issue
from tests.api import Api
from tests.cast import make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


def with_token(token):
    api = Api()
    api.headers["Authorization"] = f"Token {token}"
    return api


def run(*arguments):
    out = StringIO()
    call_command("create_token", *arguments, stdout=out, stderr=StringIO())
    return out.getvalue().strip()


def test_the_command_prints_a_token_that_works(cast):
    assert with_token(run("annotator")).get("projects/").status_code == 200
    assert AuthToken.objects.get().expiry is None


def test_only_its_hash_is_stored(cast):
    token = run("annotator")
    row = AuthToken.objects.get()
    assert token not in (row.digest, row.token_key)
    assert AuditEntry.objects.get(verb="token.issued").subject == f"user:{cast.annotator.pk}"


def test_a_token_may_end_by_itself(cast):
    token = run("annotator", "--days", "1")
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    assert with_token(token).get("projects/").status_code == 401


def test_a_token_of_a_switched_off_account_is_worth_nothing(cast):
    token = issue(cast.annotator)
    cast.annotator.is_active = False
    cast.annotator.save()
    assert with_token(token).get("projects/").status_code == 401
    with pytest.raises(Conflict):
        issue(cast.annotator)


def test_a_role_that_was_taken_away_is_gone_at_once(cast):
    api = Api(cast.researcher)
    assert api.get("projects/tides/prompts/").status_code == 200
    cast.researcher.memberships.all().delete()
    assert api.get("projects/tides/prompts/").status_code == 404


@pytest.mark.parametrize("header", ["Token", "Token a b", "Token " + "f" * 64, "Bearer x", "x"])
def test_what_is_no_token_is_401(cast, header):
    api = Api()
    api.headers["Authorization"] = header
    reply = api.get("projects/")
    assert reply.status_code == 401
    assert reply.headers["WWW-Authenticate"] == "Token"


@pytest.mark.parametrize("arguments", [("nobody",), ("annotator", "--days", "0")])
def test_the_command_says_what_is_wrong(cast, arguments):
    with pytest.raises(CommandError):
        run(*arguments)
    assert not AuthToken.objects.exists()


def test_days_have_a_limit(cast):
    with pytest.raises(Invalid):
        issue(cast.annotator, days=10**9)

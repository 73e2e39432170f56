"""The page on which people make and revoke their own tokens."""

import re

import pytest
from django.utils import timezone
from knox.models import AuthToken

from annotation.models import AuditEntry, TokenAccess
from annotation.tokens import issue
from tests.api import Api

pytestmark = pytest.mark.django_db
PAGE = "/accounts/tokens/"
ASKED = {"name": "my laptop", "scope": "read", "days": "30"}


def shown(reply):
    found = re.search(r'id="token">([0-9a-f]+)<', reply.text)
    return found and found.group(1)


def test_a_token_is_made_and_shown_once(cast, client):
    client.force_login(cast.researcher)
    reply = client.post(PAGE, ASKED)
    token = shown(reply)
    api = Api()
    api.headers["Authorization"] = f"Token {token}"
    assert api.get("projects/tides/pairs/").status_code == 200
    assert "no-store" in reply.headers["Cache-Control"]
    again = client.get(PAGE).text
    assert token not in again
    assert "my laptop" in again


def test_it_expires_after_the_days_that_were_asked(cast, client):
    client.force_login(cast.researcher)
    client.post(PAGE, ASKED)
    left = AuthToken.objects.get().expiry - timezone.now()
    assert 29 <= left.days <= 30


def test_only_a_hash_is_kept(cast, client):
    client.force_login(cast.researcher)
    token = shown(client.post(PAGE, ASKED))
    row = AuthToken.objects.get()
    assert token not in (row.digest, row.token_key)
    assert token not in str(list(AuditEntry.objects.values("data")))


def test_a_revoked_token_counts_no_more(cast, client):
    client.force_login(cast.researcher)
    token = shown(client.post(PAGE, ASKED))
    client.post(f"{PAGE}{TokenAccess.objects.get().pk}/revoke/")
    api = Api()
    api.headers["Authorization"] = f"Token {token}"
    assert api.get("projects/").status_code == 401
    assert AuditEntry.objects.filter(verb="token.revoked").exists()


def test_nobody_revokes_what_is_anothers(cast, client):
    issue(cast.manager, name="the manager's")
    client.force_login(cast.researcher)
    assert client.post(f"{PAGE}{TokenAccess.objects.get().pk}/revoke/").status_code == 404
    assert TokenAccess.objects.exists()
    assert "the manager" not in client.get(PAGE).text


@pytest.mark.parametrize("wrong", [{"days": "0"}, {"days": "9999"}, {"scope": "all"}, {"name": ""}])
def test_what_does_not_fit_makes_no_token(cast, client, wrong):
    client.force_login(cast.researcher)
    assert client.post(PAGE, ASKED | wrong).status_code == 400
    assert not AuthToken.objects.exists()

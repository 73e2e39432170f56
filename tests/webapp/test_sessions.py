"""Who a request comes from."""

from datetime import timedelta

import pytest
from django.contrib.sessions.models import Session
from django.utils import timezone

from tests.cast import make_cast

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    return make_cast()


def test_a_session_belongs_to_its_person(client, cast):
    client.force_login(cast.annotator)
    assert client.get("/").wsgi_request.user == cast.annotator


def test_a_session_that_has_ended_is_nobodys(client, cast):
    client.force_login(cast.annotator)
    Session.objects.update(expire_date=timezone.now() - timedelta(seconds=1))
    assert client.get("/").wsgi_request.user.is_anonymous


def test_a_person_who_was_switched_off_is_nobody(client, cast):
    client.force_login(cast.annotator)
    cast.annotator.is_active = False
    cast.annotator.save()
    assert client.get("/").wsgi_request.user.is_anonymous


def test_a_person_who_was_removed_is_nobody(client, cast):
    client.force_login(cast.outsider)
    cast.outsider.delete()
    assert client.get("/").wsgi_request.user.is_anonymous

"""The door: signing in and out, sign-up, passwords, and how often one may try."""

import pytest
from django.core.cache import cache

from annotation.models import User
from tests.cast import PASSWORD, make_user

LOGIN = "/accounts/login/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_tries_before():
    cache.clear()


@pytest.fixture
def person():
    return make_user("alma")


def sign_in(client, password=PASSWORD, **extra):
    return client.post(LOGIN, {"login": "alma", "password": password, **extra})


def test_a_person_signs_in_and_comes_to_their_projects(client, person):
    reply = sign_in(client)

    assert reply.url == "/"
    assert client.get("/").status_code == 200


def test_a_person_comes_back_to_where_they_were(client, person):
    reply = client.get("/projects/tides/rank/")
    assert reply.url == f"{LOGIN}?next=/projects/tides/rank/"

    assert sign_in(client, next="/projects/tides/rank/").url == "/projects/tides/rank/"


def test_nobody_is_sent_to_another_site(client, person):
    assert sign_in(client, next="https://evil.example/").url == "/"


def test_a_wrong_password_and_an_unknown_name_read_alike(client, person):
    wrong = sign_in(client, "wrong").text
    unknown = client.post(LOGIN, {"login": "nobody", "password": "wrong"}).text

    sentence = "The username and/or password you specified are not correct."
    assert sentence in wrong
    assert sentence in unknown


def test_many_tries_are_told_to_wait(client, person):
    statuses = [sign_in(client, "wrong").status_code for _ in range(40)]

    assert statuses[0] == 200
    assert statuses[-1] == 429
    assert "Too many tries" in sign_in(client, "wrong").text


def test_signing_out_takes_a_click(client, person):
    client.force_login(person)

    assert "Sign out?" in client.get("/accounts/logout/").text
    assert "_auth_user_id" in client.session
    client.post("/accounts/logout/")
    assert "_auth_user_id" not in client.session


def test_sign_up_is_closed_unless_opened(client, settings):
    assert "Sign-up is closed" in client.get("/accounts/signup/").text
    assert "Sign up" not in client.get(LOGIN).text
    client.post("/accounts/signup/", {"username": "x", "password1": "p", "password2": "p"})
    assert not User.objects.exists()


def test_sign_up_can_be_opened(client, settings):
    settings.SIGN_UP_OPEN = True
    new = {"username": "bela", "password1": PASSWORD, "password2": PASSWORD}

    assert "Sign up" in client.get(LOGIN).text
    client.post("/accounts/signup/", new)

    assert User.objects.get().username == "bela"


def test_a_password_is_changed(client, person):
    client.force_login(person)
    new = "a better horse, a bigger battery"

    client.post(
        "/accounts/password/change/",
        {"oldpassword": PASSWORD, "password1": new, "password2": new},
    )

    person.refresh_from_db()
    assert person.check_password(new)


@pytest.mark.parametrize(
    "address", ["email/", "password/reset/", "confirm-email/", "login/code/confirm/"]
)
def test_there_are_no_pages_that_would_need_mail(client, address):
    assert client.get(f"/accounts/{address}").status_code == 404


def test_the_door_speaks_the_language_of_the_site(client):
    assert "Username" in client.get(LOGIN, headers={"Accept-Language": "de"}).text

"""Who is answered in which language."""

import pytest
from django.conf import settings
from django.test import Client
from django.utils import translation

from annotation import queue
from annotation.models import Assignment
from annotation.telling import storable, told
from tests.cast import give_task, make_cast

pytestmark = pytest.mark.django_db
DOOR = "/accounts/login/"


def language_of(reply):
    return reply.headers["Content-Language"]


def test_the_browser_decides_until_the_person_does(client):
    assert language_of(client.get(DOOR)) == "en"
    assert language_of(client.get(DOOR, headers={"accept-language": "ar-EG,ar;q=0.9"})) == "ar"
    assert language_of(client.get(DOOR, headers={"accept-language": "fr"})) == "en"


def test_the_persons_choice_is_kept(client):
    reply = client.post("/language", {"language": "ar"}, headers={"referer": DOOR})

    assert reply.status_code == 302
    assert client.cookies[settings.LANGUAGE_COOKIE_NAME].value == "ar"
    page = client.get(DOOR, headers={"accept-language": "en"}).content.decode()
    assert '<html lang="ar" dir="rtl">' in page


def test_a_language_that_there_is_not_is_not_kept(client):
    client.post("/language", {"language": "tlh"})

    assert settings.LANGUAGE_COOKIE_NAME not in client.cookies


def test_the_choice_leads_to_no_other_site(client):
    reply = client.post("/language", {"language": "ar", "next": "https://elsewhere.example/"})

    assert reply.url == "/"


def test_the_answer_to_a_form_offers_no_other_language_and_loses_nothing(client):
    def chooser(reply):
        return 'action="/language"' in reply.content.decode()

    assert chooser(client.get(DOOR))
    assert not chooser(client.post(DOOR, {"login": "typed@example.org"}))


def test_the_api_speaks_english_whatever_the_browser_says():
    cast = make_cast()
    give_task(cast.project)
    held, _ = queue.claim(cast.judge)
    Assignment.objects.update(state=Assignment.State.EXPIRED)
    client = Client(headers={"accept-language": "ar"})
    client.force_login(cast.annotator)
    client.cookies[settings.LANGUAGE_COOKIE_NAME] = "ar"
    beat = f"/api/v1/assignments/{held.pk}/heartbeat/"

    english = client.post(beat).json()
    arabic = client.post(beat, headers={"concord-language": "ar"}).json()
    other = client.post(beat, headers={"concord-language": "../ar"}).json()

    assert english["detail"].startswith("Your hold on this task has ended.")
    assert arabic["detail"].startswith("انتهى حجزك لهذه المهمة.")
    assert (arabic["code"], other) == (english["code"], english)


# --- sentences that are stored --------------------------------------------------------------


def test_a_stored_sentence_is_told_in_the_readers_language():
    stored = "annotator-7 has 33 % of the pairs of the known answer."

    assert told(stored) == stored
    with translation.override("ar"):
        assert told(stored) == "لدى annotator-7 نسبة 33 % من أزواج الإجابة المعروفة."


def test_what_was_filled_in_is_told_too():
    stored = "Policy v3 is within all limits. No new tasks were asked for. Promote or reject it."

    with translation.override("ar"):
        assert told(stored) == ("السياسة v3 ضمن كل الحدود. لم تُطلب مهام جديدة. رقِّها أو ارفضها.")


def test_what_nobody_of_ours_wrote_stays_as_it_is():
    with translation.override("ar"):
        assert told("It broke: no such file.") == "It broke: no such file."
        assert told("") == ""


def test_a_template_that_comes_late_is_found():
    with translation.override("ar"):
        told("anything")
        storable("%(first)s met %(second)s in the rain.")
        assert told("A met B in the rain.") == "A met B in the rain."
        assert told("A met done in the rain.") == "A met منجزة in the rain."

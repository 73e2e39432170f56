"""Who the annotators say they are, and whether their groups agree."""

import json

import pytest
from django.core.management import call_command
from django.db import IntegrityError, transaction

from annotation.errors import Invalid
from annotation.models import Annotator, AuditEntry
from annotation.quality import kept
from annotation.quality.groups import OTHERS, by_traits
from annotation.quality.reading import read_work
from annotation.submissions import submit
from annotation.traits import tell
from annotation.withdrawals import withdraw_person
from tests.annotation.working import give_tasks, held
from tests.api import Api
from tests.cast import full_ranking, make_cast, make_judges

pytestmark = pytest.mark.django_db
TRAITS = {"First language": ["English", "German", "Another"]}


@pytest.fixture
def cast():
    return make_cast(overlap=9, traits=TRAITS)


def say(judge, *ranks):
    assignment = held(judge)
    body = full_ranking(assignment.task, *ranks)
    submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")


def judge_all(cast, *languages):
    """Twelve questions; who speaks German ranks them the other way round."""
    judges = make_judges(cast.project, len(languages))
    give_tasks(cast, 12)
    for judge, language in zip(judges, languages, strict=True):
        tell(judge, {"First language": language}, agreed=True)
        for _ in range(12):
            say(judge, *((4, 3, 2, 1) if language == "German" else (1, 2, 3, 4)))
    return judges


def groups(cast):
    (trait,) = by_traits(cast.project, read_work(cast.project))
    return {group.name: group for group in trait.groups}, trait.warning


def test_groups_that_disagree_agree_among_themselves(cast):
    judge_all(cast, *["English"] * 3, *["German"] * 3, *[""] * 3)
    found, warning = groups(cast)
    assert found["English"].within.value == 1
    assert found["German"].within.value == 1
    assert found["German"].across.value == 0
    assert found["English"].across.value == pytest.approx(1 / 2)  # three against, three with them
    assert found["German"].share == pytest.approx(3 / 9)
    assert warning == ""


def test_groups_of_fewer_than_three_are_not_shown(cast):
    judge_all(cast, *["English"] * 3, *["German"] * 2, "Another")
    found, _ = groups(cast)
    assert set(found) == {"English", OTHERS}
    assert found[OTHERS].people == 3


def test_one_group_that_speaks_for_all_is_said_plainly(cast):
    judge_all(cast, *["English"] * 4, "")
    _, warning = groups(cast)
    assert warning == (
        "First language: 100 % of the rankings whose group is known are by “English”. What the "
        "data prefers is what this group prefers."
    )


def test_where_nobody_said_anything_there_is_nothing(cast):
    judge_all(cast, "", "")
    assert by_traits(cast.project, read_work(cast.project)) == []


def test_nothing_is_kept_without_agreement(cast):
    (judge,) = make_judges(cast.project, 1)
    with pytest.raises(Invalid, match="Say that you agree"):
        tell(judge, {"First language": "German"}, agreed=False)
    with pytest.raises(IntegrityError), transaction.atomic():
        Annotator.objects.filter(pk=judge.pk).update(traits={"First language": "German"})


def test_what_was_said_can_be_taken_back_and_the_trail_does_not_tell_it(cast):
    (judge,) = make_judges(cast.project, 1)
    tell(judge, {"First language": "German"}, agreed=True)
    tell(judge, {}, agreed=False)
    judge.refresh_from_db()
    assert (judge.traits, judge.traits_agreed_at) == ({}, None)
    trail = AuditEntry.objects.filter(verb__startswith="annotator.traits")
    assert "German" not in str(list(trail.values()))


def test_a_group_of_ones_own_making_is_refused(cast):
    (judge,) = make_judges(cast.project, 1)
    with pytest.raises(Invalid, match="not among the groups"):
        tell(judge, {"First language": "Klingon"}, agreed=True)


def test_a_person_says_it_on_a_page_of_their_own(cast, client):
    client.force_login(cast.annotator)
    page = "/projects/tides/about-me/"
    assert client.post(page, {"t-0": "German"}).status_code == 400
    client.post(page, {"t-0": "German", "agreed": "on"})
    assert cast.judge.traits == {"First language": "German"}
    assert "selected>German" in client.get(page).content.decode()
    client.post(page, {"t-0": "German", "agreed": "on", "forget": "1"})
    assert cast.judge.traits == {}


def test_the_quality_page_shows_it(cast, client):
    judge_all(cast, *["English"] * 3, *["German"] * 3)
    client.force_login(cast.manager)
    page = client.get("/projects/tides/quality/").content.decode()
    assert "Who the annotators are" in page
    assert '<th scope="row">German</th>' in page


def test_to_researchers_the_page_says_that_managers_see_it(cast, client):
    """Nobody agreed to more (templates/about_me.html)."""
    judge_all(cast, *["English"] * 4, *["German"] * 3)
    client.force_login(cast.researcher)
    page = client.get("/projects/tides/quality/").content.decode()
    assert "the managers of the project see" in page
    assert "German" not in page


def test_the_api_tells_managers_alone(cast):
    judge_all(cast, *["English"] * 3, *["German"] * 3)
    told = Api(cast.manager).get("projects/tides/agreement/").json()
    assert {each["name"] for each in told["groups"]} == {"English", "German"}
    untold = Api(cast.researcher).get("projects/tides/agreement/").json()
    assert (untold.pop("groups"), untold.pop("warnings")) == (None, None)
    assert "German" not in json.dumps(untold)
    assert untold.items() <= told.items()


def test_the_command_tells_it_where_it_is_asked_to(cast, capsys):
    judge_all(cast, *["English"] * 3, *["German"] * 3)
    call_command("agreement", project="tides")
    assert "German" not in capsys.readouterr().out
    call_command("agreement", project="tides", groups=True)
    assert "First language: German" in capsys.readouterr().out


@pytest.mark.parametrize("taken_back", ["said", "given"])
def test_what_was_kept_of_it_goes_with_the_consent(cast, monkeypatch, taken_back):
    """However long it took to measure, and so would be shown."""
    monkeypatch.setattr(kept, "CHEAP", -1.0)
    monkeypatch.setattr(kept, "PATIENCE", 10**9)
    judges = judge_all(cast, *["English"] * 3, *["German"] * 3)
    api = Api(cast.manager)
    assert len(api.get("projects/tides/agreement/").json()["groups"]) == 2
    if taken_back == "said":
        tell(judges[0], {}, agreed=False)
    else:
        withdraw_person(judges[0], by=cast.manager, reason="asked to")
    told = api.get("projects/tides/agreement/").json()["groups"]
    assert "English" not in {each["name"] for each in told}


def test_the_settings_name_the_groups_one_a_line(cast, client):
    client.force_login(cast.manager)
    page = "/projects/tides/settings/"
    form = client.get(page).context["form"]
    sent = {name: form[name].value() for name in form.fields if form[name].value() is not None}
    sent = {name: form.fields[name].prepare_value(value) for name, value in sent.items()}
    assert "First language: English, German, Another" in sent["traits"]
    client.post(page, {**sent, "traits": "Age: under 40, 40 and over"})
    cast.project.refresh_from_db()
    assert cast.project.traits == {"Age": ["under 40", "40 and over"]}
    assert client.post(page, {**sent, "traits": "Age: any"}).status_code == 400


def test_too_few_others_take_the_smallest_group_with_them(cast):
    judge_all(cast, *["English"] * 4, *["German"] * 3, "Another")
    found, _ = groups(cast)
    assert {name: group.people for name, group in found.items()} == {"English": 4, OTHERS: 4}


def test_one_group_and_one_other_are_not_told_apart(cast):
    judge_all(cast, *["English"] * 3, "German")
    found, _ = groups(cast)
    assert {name: group.people for name, group in found.items()} == {OTHERS: 4}


def test_fewer_than_three_people_are_not_shown_at_all(cast):
    judge_all(cast, "English", "German")
    assert by_traits(cast.project, read_work(cast.project)) == []

"""A manager's word on an annotator: what it takes out, what it leaves, how it is undone."""

import pytest

from annotation.errors import Conflict, Invalid
from annotation.exporting.reading import Selection, read
from annotation.models import Annotator, AuditEntry, Submission
from annotation.quality.effects import choices, effects
from annotation.quality.reports import agreement_report, annotators_report
from annotation.queue import claim
from annotation.snapshots import freeze
from annotation.standing import Standing, change_standing, history, standing_of
from annotation.submissions import submit
from tests.annotation.working import answer_all, give_tasks, held
from tests.api import Api
from tests.cast import full_ranking

pytestmark = pytest.mark.django_db


@pytest.fixture
def judged(cast, judges):
    """Twelve questions that two people answered alike; returns those two."""
    give_tasks(cast, 12)
    for judge in judges[:2]:
        answer_all(judge)
    return judges[:2]


def say(annotator, by=None, reason="", **standing):
    changed = change_standing(annotator, Standing(**standing), by=by, reason=reason)
    annotator.refresh_from_db()
    return changed


def test_a_paused_person_is_given_no_task_and_told_so_kindly(cast, judges):
    give_tasks(cast, 1)
    say(judges[0], paused=True)
    with pytest.raises(Conflict, match="Nothing of what you did is lost"):
        claim(judges[0])
    say(judges[0])
    assert claim(judges[0])[0] is not None


def test_a_paused_person_may_finish_what_they_hold(cast, judges):
    give_tasks(cast, 1)
    assignment = held(judges[0])
    say(judges[0], paused=True)
    assert held(judges[0]) == assignment
    submit(assignment.pk, judges[0], full_ranking(assignment.task), key="k", origin="api")
    assert Submission.objects.counted().count() == 1


def test_what_an_excluded_person_said_is_kept_and_read_by_nothing(cast, judged):
    say(judged[0], excluded=True)
    assert Submission.objects.counted().filter(annotator=judged[0]).count() == 12
    assert {row.annotator for row in read(Selection(cast.project))} == {judged[1].pseudonym}
    assert freeze(cast.project, "after").items.count() == 12
    assert agreement_report(cast.project)["rankings"] == 12


def test_an_excluded_person_still_has_figures_and_nobody_is_compared_with_them(cast, judged):
    say(judged[0], excluded=True)
    people = {person.pseudonym: person for person in annotators_report(cast.project)}
    assert people[judged[0].pseudonym].figures["agreement"].value == 1
    assert people[judged[1].pseudonym].figures["agreement"].value is None


def test_including_them_again_restores_all_of_it(cast, judged):
    before = agreement_report(cast.project)
    say(judged[0], excluded=True)
    say(judged[0])
    assert agreement_report(cast.project) == before
    assert sum(1 for _ in read(Selection(cast.project))) == 24


def test_the_weight_survives_an_exclusion(cast, judged):
    say(judged[0], weight=0.5)
    say(judged[0], weight=0.5, excluded=True)
    assert standing_of(judged[0]) == Standing(excluded=True, weight=0.5)


def test_the_preview_says_what_then_comes_true(cast, judged):
    now, without, half = effects(judged[0], *choices(judged[0]))
    assert (now.rankings, now.pairs, now.own) == (24, 144, 0.5)
    assert (without.rankings, without.pairs, without.own) == (12, 72, 0.0)
    assert half.own == pytest.approx(1 / 3)
    assert now.figures["pairwise"].value == 1
    assert without.figures["pairwise"].value is None
    say(judged[0], excluded=True)
    assert effects(judged[0])[0] == without


def test_every_change_is_audited_with_who_and_why(cast, judges):
    say(judges[0], by=cast.manager, reason="Asked for a break.", paused=True)
    (entry,) = history(judges[0])
    assert entry.actor == f"user:{cast.manager.pk}"
    assert entry.data == {"paused": [False, True], "reason": "Asked for a break."}


def test_saying_the_same_again_changes_nothing(cast, judges):
    assert say(judges[0], paused=True)
    assert not say(judges[0], paused=True)
    assert AuditEntry.objects.filter(verb="annotator.standing").count() == 1


def test_only_what_changes_the_data_counts_as_such(cast, judges):
    say(judges[0], paused=True)
    cast.project.refresh_from_db()
    assert cast.project.standing_epoch == 0
    say(judges[0], weight=0.5)
    say(judges[0], excluded=True, weight=0.5)
    cast.project.refresh_from_db()
    assert cast.project.standing_epoch == 2


@pytest.mark.parametrize("weight", [0, 1.5, float("nan")])
def test_a_weight_that_is_none_is_refused(judges, weight):
    with pytest.raises(Invalid, match="between"):
        change_standing(judges[0], Standing(weight=weight), by=None)


def test_the_manager_does_it_by_one_click_and_undoes_it_by_another(cast, client, judged):
    client.force_login(cast.manager)
    page = f"/projects/tides/annotators/{judged[0].pk}/"
    assert "Exclude</button>" in client.get(page).content.decode()
    shown = client.post(f"{page}standing/", {"action": "exclude"}, follow=True).content.decode()
    assert "excluded: what they said is kept" in shown
    client.post(f"{page}standing/", {"action": "include"})
    assert not Annotator.objects.filter(excluded=True).exists()


def test_the_page_says_what_is_wrong_with_a_weight(cast, client, judged):
    client.force_login(cast.manager)
    page = f"/projects/tides/annotators/{judged[0].pk}/"
    sent = {"action": "weigh", "weight": "7"}
    shown = client.post(f"{page}standing/", sent, follow=True).content.decode()
    assert "less than or equal to 1" in shown


def test_the_api_previews_and_changes(cast, judged):
    api = Api(cast.manager)
    path = f"projects/tides/annotators/{judged[0].pk}/"
    rankings = [effect["rankings"] for effect in api.get(path).json()["effects"]]
    assert rankings == [24, 12, 24]
    assert sum(week["rankings"] for week in api.get(path).json()["weeks"]) == 12
    assert api.put(f"{path}standing/", {"excluded": True}).json()["excluded"] is True
    listed = api.get("projects/tides/annotators/").json()["annotators"]
    assert [each["excluded"] for each in listed] == [False, True]
    assert api.put(f"{path}standing/", {"weight": 3}).status_code == 400

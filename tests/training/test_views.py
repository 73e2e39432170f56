"""Pages that show both sides: home, project, rounds."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from annotation import queue
from annotation.models import Membership
from annotation.submissions import submit
from tests.annotation import hostile
from tests.cast import full_ranking, give_task, make_cast, make_user
from training import rounds, tasks
from training.models import Job, LivePrediction, Policy, RewardModel, Round, RoundPlan
from training.policies import add_candidate, ensure_base

PAGE = "/projects/tides/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def cast():
    cast = make_cast()
    RoundPlan.objects.create(project=cast.project, configuration={"minimum_rankings": 1})
    return cast


@pytest.fixture
def ranked(cast):
    task = give_task(cast.project)
    held, _ = queue.claim(cast.judge)
    submit(held.pk, cast.judge, full_ranking(task), key="k", origin="api")
    return cast


@pytest.fixture
def manager(client, cast):
    client.force_login(cast.manager)
    return client


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    """The queues that were woken, instead of a broker."""
    calls = []
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: calls.append(call["queue"]))
    return calls


def start(cast, method="dpo"):
    return rounds.start(cast.project, method=method, trigger="hand", by="tests")


def candidate(cast, **metrics):
    base = ensure_base(cast.project)
    return add_candidate(base, artefact="p", manifest_sha256="0" * 64, metrics=metrics)


def waiting(cast):
    made = start(cast)
    policy = candidate(cast, kl=6.314)
    Round.objects.filter(pk=made.pk).update(state="waiting", policy=policy)
    return policy


# --- home ---


def test_home_shows_my_projects_alone(client, cast):
    make_cast("rivers")
    Membership.objects.filter(project__slug="rivers").delete()
    client.force_login(cast.annotator)

    html = client.get("/").text

    assert "Tides" in html
    assert "Rivers" not in html


def test_home_leads_back_to_the_task_that_is_held(client, cast):
    give_task(cast.project)
    held, _ = queue.claim(cast.judge)
    client.force_login(cast.annotator)

    assert f'href="/tasks/{held.pk}/"' in client.get("/").text


def test_home_tells_a_manager_of_a_decision(manager, ranked):
    waiting(ranked)

    assert "Waiting for your decision" in manager.get("/").text


def test_home_says_what_to_do_without_a_project(client, cast):
    client.force_login(cast.outsider)

    assert "Ask a manager to add you" in client.get("/").text


# --- project ---


def test_a_manager_sees_how_far_the_project_has_come(manager, ranked):
    reply = manager.get(PAGE)

    assert reply.context["progress"].given == 1
    assert "Start a round" in reply.text


def test_a_researcher_reads_and_starts_nothing(client, ranked):
    client.force_login(ranked.researcher)

    html = client.get(PAGE).text

    assert "Policies" in html
    assert "<button" not in html.split("<main")[1]


def test_a_researcher_sees_no_persons_name(client, ranked):
    Membership.objects.create(project=ranked.project, user=make_user("jane.doe"), role="annotator")
    assert "jane.doe" in shown_to(client, ranked.manager)

    html = shown_to(client, ranked.researcher)

    for name in ("jane.doe", "manager", "reviewer"):
        assert f">{name}<" not in html
    assert "jane.doe" not in html


def shown_to(client, user):
    client.force_login(user)
    return client.get(PAGE).text


def test_the_live_head_is_shown_once_it_has_foretold(manager, ranked):
    assert "Its accuracy appears here" in manager.get(f"{PAGE}live/").text
    submission = ranked.project.submissions.get()
    LivePrediction.objects.create(
        submission=submission, project=ranked.project, pairs=6, correct=4.5, logloss=0.5
    )

    html = manager.get(f"{PAGE}live/").text

    assert "75.0 %" in html
    assert "<html" not in html


def test_figures_of_any_shape_are_shown(manager, ranked):
    candidate(ranked, kl=6.314, mean_length="long", distinct_2=None, other=[1], proxy_reward=True)

    html = manager.get(PAGE).text

    assert "6.31" in html
    assert "long" in html


def test_the_project_page_takes_the_same_queries_however_much_there_is(manager, ranked):
    counts = []
    for number in (3, 12):
        for one in range(number):
            Membership.objects.get_or_create(
                project=ranked.project, user=make_user(f"person-{one}"), role="annotator"
            )
            give_task(ranked.project, prompt=f"{number} {one}?")
            made = start(ranked)
            policy = candidate(ranked)
            Round.objects.filter(pk=made.pk).update(state="done", policy=policy)
        start(ranked)
        manager.get(PAGE)  # measures what has come in
        with CaptureQueriesContext(connection) as captured:
            assert manager.get(PAGE).status_code == 200
        counts.append(len(captured))
        Round.objects.filter(state="running").update(state="done")

    assert counts[0] == counts[1] <= 40


@pytest.mark.parametrize("text", hostile.ELEMENTS[:3])
def test_hostile_names_are_rendered(manager, ranked, text):
    ranked.project.name = text
    ranked.project.save()
    policy = waiting(ranked)
    rounds.reject(policy, by=ranked.manager, reason=text)

    html = manager.get(PAGE).text

    assert text not in html
    assert "&lt;" in html


# --- starting ---


def test_a_manager_starts_a_round_and_wakes_a_worker(
    manager, ranked, woken, django_capture_on_commit_callbacks
):
    with django_capture_on_commit_callbacks(execute=True):
        reply = manager.post(f"{PAGE}rounds/", {"method": "dpo", "dpo-beta": "0.2"}, follow=True)

    made = Round.objects.get()
    assert (made.method, made.trigger, made.started_by) == (
        "dpo",
        "hand",
        f"user:{ranked.manager.pk}",
    )
    assert made.configuration["preference"]["beta"] == 0.2
    assert made.configuration["minimum_rankings"] == 1
    assert "Round 1 has started." in reply.text
    assert woken == ["gpu"]


def test_a_setting_by_hand_keeps_the_plans_other_settings(manager, ranked):
    RoundPlan.objects.update(
        configuration={"minimum_rankings": 1, "preference": {"learning_rate": 0.001, "epochs": 3}}
    )

    manager.post(f"{PAGE}rounds/", {"method": "dpo", "dpo-epochs": "2", "queue_prompts": "5"})

    configuration = Round.objects.get().configuration
    assert configuration["queue_prompts"] == 5
    assert configuration["preference"]["learning_rate"] == 0.001
    assert configuration["preference"]["epochs"] == 2


def test_the_reference_is_said_by_its_version(manager, ranked):
    reply = manager.post(f"{PAGE}rounds/", {"method": "dpo", "reference": "7"})
    assert reply.status_code == 400
    assert "reference: 7 is no version of a policy. Use one of: 0." in reply.text

    manager.post(f"{PAGE}rounds/", {"method": "dpo", "reference": "0"})
    assert Round.objects.get().configuration["reference"] == 0


def test_the_form_shows_what_holds_where_it_is_left_empty(manager, ranked):
    RoundPlan.objects.update(configuration={"preference": {"beta": 0.25}})

    assert 'placeholder="0.25"' in manager.get(PAGE).text


def test_a_broken_plan_is_told_when_starting(manager, ranked):
    RoundPlan.objects.update(configuration={"nonsense": 1})

    assert manager.get(PAGE).status_code == 200
    reply = manager.post(f"{PAGE}rounds/", {"method": "dpo"})
    assert reply.status_code == 400
    assert "no field nonsense" in reply.text


@pytest.mark.parametrize(
    "sent",
    [
        {},
        {"method": "magic"},
        {"method": "dpo", "dpo-beta": "-1"},
        {"method": "dpo", "dpo-beta": "nan"},
        {"method": "dpo", "dpo-epochs": "1.5"},
        {"method": "dpo", "dpo-learning_rate": "fast"},
    ],
)
def test_a_round_with_a_wrong_setting_is_not_started(manager, ranked, sent):
    reply = manager.post(f"{PAGE}rounds/", sent)

    assert reply.status_code == 400
    assert 'class="fault"' in reply.text
    assert not Round.objects.exists()


def test_a_round_without_enough_rankings_says_so(manager, ranked):
    RoundPlan.objects.update(configuration={"minimum_rankings": 50})

    reply = manager.post(f"{PAGE}rounds/", {"method": "dpo"})

    assert reply.status_code == 400
    assert "at least 50 are needed" in reply.text


def test_a_second_round_is_refused_while_one_runs(manager, ranked):
    start(ranked)

    reply = manager.post(f"{PAGE}rounds/", {"method": "dpo"}, follow=True)

    assert Round.objects.count() == 1
    assert "is running" in reply.text


# --- watching ---


def test_the_progress_of_a_running_round_is_a_fragment(manager, ranked):
    made = start(ranked)
    Job.objects.filter(round=made).update(
        done=3, total=12, state="running", lease_until=timezone.now()
    )

    html = manager.get(f"{PAGE}rounds/1/progress/").text

    assert 'max="100" value="25"' in html
    assert "<html" not in html
    assert "data-settled" not in html


def test_a_round_that_has_ended_settles(manager, ranked):
    rounds.stop(start(ranked), by="tests", reason="Enough.")

    html = manager.get(f"{PAGE}rounds/1/progress/").text

    assert "data-settled" in html
    assert "Enough." in html


def test_the_round_page_shows_what_was_measured(manager, ranked):
    made = start(ranked)
    model = RewardModel.objects.create(
        project=ranked.project,
        snapshot=made.snapshot,
        depth="head",
        encoder="e",
        artefact="a",
        manifest_sha256="0" * 64,
    )
    Round.objects.filter(pk=made.pk).update(
        reward_model=model, metrics={"reward": {"accuracy": 0.712, "pairs": 1240}, "odd": {"x": 1}}
    )

    html = manager.get(f"{PAGE}rounds/1/").text

    assert "71.2 %" in html
    assert "1,240" in html
    assert made.snapshot.sha256 in html


def test_a_round_that_is_absent_is_not_found(manager, ranked):
    assert manager.get(f"{PAGE}rounds/9/").status_code == 404
    assert manager.get(f"{PAGE}rounds/9/progress/").status_code == 404


def test_a_round_is_stopped_with_a_reason(manager, ranked):
    start(ranked)

    manager.post(f"{PAGE}rounds/1/stop/", {"reason": "Wrong guideline."})

    made = Round.objects.get()
    assert (made.state, made.outcome) == ("stopped", "Wrong guideline.")


def test_a_round_is_not_stopped_without_a_reason(manager, ranked):
    start(ranked)

    reply = manager.post(f"{PAGE}rounds/1/stop/", {"reason": " "}, follow=True)

    assert "Say why" in reply.text
    assert Round.objects.get().state == "running"


# --- deciding ---


def test_a_waiting_round_offers_both_decisions(manager, ranked):
    waiting(ranked)

    html = manager.get(PAGE).text

    assert "Promote policy v1" in html
    assert "Reject policy v1" in html


def test_a_manager_promotes(manager, ranked):
    policy = waiting(ranked)

    manager.post(f"{PAGE}policies/1/promote/")

    policy.refresh_from_db()
    assert policy.state == "active"
    assert Round.objects.get().state == "done"


def test_a_manager_rejects_with_a_reason(manager, ranked):
    policy = waiting(ranked)

    manager.post(f"{PAGE}policies/1/reject/", {"reason": "It flatters."})

    policy.refresh_from_db()
    assert (policy.state, policy.rejected_because) == ("rejected", "It flatters.")


def test_nothing_is_rejected_without_a_reason(manager, ranked):
    waiting(ranked)

    manager.post(f"{PAGE}policies/1/reject/", {})

    assert Policy.objects.get(version=1).state == "candidate"


def test_what_was_decided_is_not_decided_again(manager, ranked):
    waiting(ranked)
    manager.post(f"{PAGE}policies/1/promote/")

    reply = manager.post(f"{PAGE}policies/1/reject/", {"reason": "Late."}, follow=True)

    assert "is not a candidate" in reply.text
    assert Policy.objects.get(version=1).state == "active"


def test_a_researcher_decides_nothing(client, ranked):
    waiting(ranked)
    client.force_login(ranked.researcher)

    assert client.post(f"{PAGE}policies/1/promote/").status_code == 403
    assert Policy.objects.get(version=1).state == "candidate"


def with_a_ceiling(cast):
    """A round whose reward model was measured beside the people whom it learned from."""
    made = start(cast, method="reward")
    shares = {"accuracy": 0.71, "human_agreement": 0.78, "self_agreement": 0.9}
    shares |= {"best_possible": 0.95}
    metrics = {
        f"{name}{end}": value + off
        for name, value in shares.items()
        for end, off in (("", 0.0), ("_low", -0.05), ("_high", 0.05))
    }
    model = RewardModel.objects.create(
        project=cast.project, snapshot=made.snapshot, depth="head", metrics=metrics
    )
    Round.objects.filter(pk=made.pk).update(reward_model=model)
    return made


def test_a_reward_model_is_drawn_beside_what_people_can_foretell(ranked, manager):
    assert "Reward models beside people" not in manager.get(PAGE).text
    made = with_a_ceiling(ranked)
    page = manager.get(PAGE).text
    panel = page[page.index('id="ceiling"') :]
    panel = panel[: panel.index("</section>")]
    assert "Reward models beside people" in panel
    assert "<svg" in panel
    people = ("Two people on the same", "One person, asked again", "Possible at most")
    for words in ("Reward model", *people):
        assert f"<title>{words}, Round {made.number}: " in panel
    for share, span in (("71 %", "66 % to 76 %"), ("78 %", "73 % to 83 %"), ("90 %", "85 % to")):
        assert f">{share} <span" in panel
        assert span in panel
    sheet = manager.get(f"{PAGE}rounds/ceiling.csv")
    assert sheet.headers["Content-Disposition"] == 'attachment; filename="tides-ceiling.csv"'
    header, row = sheet.text.splitlines()
    assert header.startswith("round,accuracy,accuracy_low,accuracy_high,human_agreement,")
    assert row.startswith(f"{made.number},0.71,0.6")
    assert header.endswith(",best_possible,best_possible_low,best_possible_high")
    assert "Nobody can foretell" not in panel

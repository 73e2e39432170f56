"""The arena's page, and the live head's word after a vote."""

import numpy as np
import pytest

from annotation import queue
from annotation.models import Membership, Submission
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast
from tests.training.test_arena import answered, held_out, judge
from training import arena, tasks
from training.live import probability, sigmoid
from training.models import Feature, Job, LiveHead, LivePrediction
from training.policies import add_candidate, ensure_base

PAGE = "/projects/tides/arena/"

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def woken(monkeypatch):
    calls = []
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: calls.append(call["queue"]))
    return calls


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def policies(cast):
    base = ensure_base(cast.project)
    return base, add_candidate(base, artefact="", manifest_sha256="0" * 64, metrics={"kl": 6.3})


@pytest.fixture
def manager(client, cast):
    client.force_login(cast.manager)
    return client


def match(policies, **fields):
    first, second = policies
    return {"first": first.pk, "second": second.pk, "prompts": 3, "people": 2} | fields


def test_a_manager_starts_a_match_and_wakes_a_worker(
    manager, cast, policies, woken, django_capture_on_commit_callbacks
):
    held_out(cast, 3)
    with django_capture_on_commit_callbacks(execute=True):
        assert manager.post(PAGE, match(policies)).url == PAGE
    assert Job.objects.get(kind="arena").payload["people"] == 2
    assert woken == ["gpu"]


@pytest.mark.parametrize(
    "wrong", [{"first": 0}, {"prompts": 0}, {"prompts": "x"}, {"people": 1000}, {"second": ""}]
)
def test_a_wrong_setting_starts_nothing(manager, cast, policies, wrong):
    held_out(cast, 1)
    assert manager.post(PAGE, match(policies, **wrong)).status_code == 400
    assert not Job.objects.exists()


def test_a_policy_of_another_project_is_no_choice(manager, cast, policies):
    held_out(cast, 1)
    foreign = ensure_base(make_cast("rivers").project)
    assert manager.post(PAGE, match(policies, first=foreign.pk)).status_code == 400


def test_without_held_out_prompts_it_says_so(manager, policies):
    assert "have met on every" in manager.post(PAGE, match(policies), follow=True).text


def test_without_a_second_policy_it_says_so(manager):
    assert "no second policy" in manager.get(PAGE).text


def test_the_page_shows_the_win_rate_with_its_interval(manager, cast, policies):
    prompts = held_out(cast, 4)
    job = arena.start(cast.project, *policies, prompts=4, people=1, by=cast.manager)
    answered(job, prompts, policies)
    for _ in prompts:
        judge(cast.judge, policies[1].source_id)

    html = manager.get(PAGE).text

    assert "100 %" in html
    assert "51 % to 100 %" in html
    assert "4 of 4" in html


def test_a_researcher_reads_and_starts_nothing(client, cast, policies):
    client.force_login(cast.researcher)
    assert "<button" not in client.get(PAGE).text.split("<main")[1]


# --- the head's word ---


def compared(cast):
    task = give_task(cast.project, "a", "b", kind="compare")
    held, _ = queue.claim(cast.judge)
    receipt = submit(held.pk, cast.judge, full_ranking(task), key="k", origin="screen")
    return task, Submission.objects.get(pk=receipt.id)


def vote(client, cast):
    """Compare two on the screen, and see what comes next."""
    give_task(cast.project, "a", "b", kind="compare")
    held, _ = queue.claim(cast.judge)
    client.force_login(cast.annotator)
    head(cast, held.task)
    page = client.get(f"/tasks/{held.pk}/")
    form = page.context["form"]
    choice = next(value for value, _ in form.fields["choice"].choices if value)
    sent = {"key": form["key"].value(), "comment": "", "choice": choice}
    return client.post(f"/tasks/{held.pk}/", sent, follow=True).text


def head(cast, task, weights=(1.0, 0.0)):
    LiveHead.objects.create(
        project=cast.project, encoder="e", state=np.array(weights, "<f8").tobytes()
    )
    for completion, vector in zip(
        task.completions.order_by("slots__slot"), ([2, 0], [1, 5]), strict=True
    ):
        Feature.objects.create(
            completion=completion, encoder="e", vector=np.array(vector, "<f4").tobytes()
        )


def test_before_it_learns_the_head_speaks_by_its_mode(cast):
    task, submission = compared(cast)
    assert probability(submission) is None
    head(cast, task)
    assert probability(submission) == pytest.approx(float(sigmoid(np.array(1.0))))


def test_what_it_said_before_it_learned_is_what_counts(cast):
    task, submission = compared(cast)
    head(cast, task)
    LivePrediction.objects.create(
        submission=submission, project=cast.project, pairs=1, correct=1, logloss=-np.log(0.8)
    )
    assert probability(submission) == pytest.approx(0.8)


def test_the_head_is_told_after_the_vote_to_those_who_may_see_it(client, cast):
    Membership.objects.create(project=cast.project, user=cast.annotator, role="researcher")
    assert "The live head gave your choice" in vote(client, cast)


def test_an_annotator_is_told_nothing_of_it(client, cast):
    html = vote(client, cast)
    assert "Saved." in html
    assert "live head" not in html

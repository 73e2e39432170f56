"""The whole loop with the tiny model: what people do is simulated, nothing else is."""

import pytest

from annotation.errors import Conflict, Invalid
from annotation.models import Completion, Submission, Task
from annotation.submissions import submit
from training import simulate
from training.models import LogProb, Policy, Round
from training.simulate import Plan

pytestmark = pytest.mark.django_db

# The tiny model reads moods best at its last layer, and takes larger steps than a real one.
TINY = {
    "reward": {"layer": 1.0, "l2": 1.0},
    "preference": {"learning_rate": 1e-3, "epochs": 2, "prompts_per_step": 8},
}
PLAN = Plan(
    gold="positive",
    seed=1,
    temperature=0.2,
    prompts=64,
    held_out=24,
    held_out_samples=4,
    max_new_tokens=96,
    sampling_temperature=1.0,
    configuration=TINY,
)


def quiet(note, done, total):
    """A report that nobody reads."""


@pytest.fixture
def looped(tiny_model):
    project = simulate.prepare(PLAN, "simulated")
    rounds = list(simulate.run(PLAN, project, quiet, heartbeat=False))
    return project, rounds


def test_two_rounds_make_a_policy_that_people_would_prefer(looped):
    project, rounds = looped
    base, _, last = simulate.results(project, "positive")
    assert [each.state for each in rounds] == [Round.State.DONE] * 2
    error = (base["gold_se"] ** 2 + last["gold_se"] ** 2) ** 0.5
    assert last["gold_mean"] > base["gold_mean"] + 2 * error
    assert abs(base["kl"]) < 0.01 < last["kl"] < 20
    _check_the_trail(project, rounds)


def _check_the_trail(project, rounds):
    """Every row of the loop can be traced back to what it was made from."""
    assert Policy.objects.filter(project=project, state="active").get() == rounds[1].policy
    assert rounds[1].policy.parent == rounds[0].policy
    assert rounds[1].policy.reference.version == 0
    assert rounds[0].reward_model.snapshot == rounds[0].snapshot
    mixed = Task.objects.filter(key__startswith=f"round:{rounds[0].pk}:")
    sources = set(mixed.values_list("completions__source__name", flat=True))
    assert sources == {"policy v0", "policy v1"}
    ranked = Submission.objects.counted().filter(task__in=mixed)
    assert ranked.count() == mixed.count()
    drawn = Completion.objects.filter(source=rounds[0].policy.source)
    assert all(each.token_ids and each.seed and each.finish_reason for each in drawn)
    judged = Completion.objects.filter(slots__task__submissions__snapshots=rounds[1].snapshot)
    assert not judged.exclude(pk__in=LogProb.objects.values("completion")).exists()


def test_a_project_that_holds_peoples_work_is_refused(tiny_model):
    from annotation import queue
    from tests.cast import full_ranking, give_task, make_cast

    cast = make_cast()
    task = give_task(cast.project)
    assignment, _ = queue.claim(cast.judge)
    submit(assignment.pk, cast.judge, full_ranking(task), key="k", origin="api")
    with pytest.raises(Conflict, match="holds people's work"):
        simulate.prepare(PLAN, cast.project.slug)


def test_an_unknown_taste_is_refused_by_name():
    with pytest.raises(Invalid, match=r"sour.*concise, positive"):
        simulate.prepare(Plan(gold="sour"), "simulated")

"""Two policies, the same prompts, and who wins."""

import pytest

from annotation import queue
from annotation.content import group_of, split_of
from annotation.errors import Conflict, Invalid
from annotation.models import Completion, Pair, Submission, Task
from annotation.submissions import submit
from annotation.tasking import add_prompt, new_completion
from tests.cast import make_cast, make_judges
from training import arena, tasks, worker
from training.models import Job, RoundPlan
from training.policies import add_candidate, ensure_base
from training.selectors import wilson

pytestmark = pytest.mark.django_db


@pytest.fixture(autouse=True)
def _no_broker(monkeypatch):
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)


@pytest.fixture
def cast():
    return make_cast()


@pytest.fixture
def policies(cast):
    base = ensure_base(cast.project)
    return base, add_candidate(base, artefact="", manifest_sha256="0" * 64, metrics={"kl": 6.3})


def held_out(cast, count):
    texts = (f"Question {number}?" for number in range(10_000))
    chosen = (
        text for text in texts if split_of(group_of([{"role": "user", "content": text}])) != "train"
    )
    return [add_prompt(cast.project, next(chosen))[0] for _ in range(count)]


def begin(cast, policies, **fields):
    asked = {"prompts": 5, "people": 1} | fields
    return arena.start(cast.project, *policies, **asked, by=cast.manager)


def answered(job, prompts, policies, same=()):
    """What the job does, with texts of the test's own: the tasks."""
    for prompt in prompts:
        texts = ["one"] * 2 if prompt in same else [f"{prompt.pk} by {each}" for each in policies]
        made = [
            new_completion(prompt, policy.source, text)
            for policy, text in zip(policies, texts, strict=True)
        ]
        Completion.objects.bulk_create(made)
        arena.ask_people(job, prompt, made)
    Job.objects.filter(pk=job.pk).update(state="done")


def judge(who, source):
    """The next task, judged for the policy with this source; None is a tie."""
    held, _ = queue.claim(who)
    ranks = {
        str(each.uid): 1 if source in (None, each.source_id) else 2
        for each in held.task.completions.all()
    }
    body = {"ranks": ranks, "placed": list(ranks)}
    return submit(held.pk, who, body, key=f"k{held.pk}", origin="screen")


def test_both_policies_answer_held_out_prompts_blind(cast, policies, tiny_model):
    RoundPlan.objects.create(
        project=cast.project, configuration={"sampling": {"max_new_tokens": 8}}
    )
    prompts = held_out(cast, 2)
    add_prompt(cast.project, "A training prompt?")
    begin(cast, policies, people=3)
    worker.work("gpu", heartbeat=False)

    made = Task.objects.order_by("pk")
    assert {task.prompt_id for task in made} <= {each.pk for each in prompts}
    assert [(task.kind, task.purpose, task.wanted) for task in made] == [
        ("compare", "arena", 3)
    ] * len(prompts)
    for task in made:
        assert {each.source for each in task.completions.all()} == {p.source for p in policies}


def test_a_match_goes_on_where_the_last_one_ended(cast, policies):
    prompts = held_out(cast, 3)
    first = begin(cast, policies, prompts=2)
    answered(first, prompts[:2], policies)
    second = begin(cast, policies[::-1], prompts=2)
    assert second.payload["prompts"] == [prompts[2].pk]
    answered(second, prompts[2:], policies)
    with pytest.raises(Conflict, match="have met on every"):
        begin(cast, policies)


def test_one_match_is_prepared_at_a_time(cast, policies):
    held_out(cast, 1)
    begin(cast, policies)
    with pytest.raises(Conflict, match="being prepared"):
        begin(cast, policies)


def test_a_match_that_makes_no_sense_is_refused(cast, policies):
    held_out(cast, 1)
    for wrong in ({"prompts": 0}, {"prompts": 501}, {"people": 0}):
        with pytest.raises(Invalid):
            begin(cast, policies, **wrong)
    with pytest.raises(Invalid, match="two different"):
        begin(cast, (policies[0], policies[0]))
    assert not Job.objects.exists()


def test_the_win_rate_counts_ties_half_and_prompts_once(cast, policies):
    base, candidate = policies
    prompts = held_out(cast, 4)
    job = begin(cast, policies, people=2)
    answered(job, prompts, policies, same=prompts[3:])
    one, other = make_judges(cast.project, 2)
    for who, votes in ((one, (1, 1, None)), (other, (1, 0, None))):
        for vote in votes:
            judge(who, None if vote is None else policies[vote].source_id)

    (tally,) = arena.tallies(cast.project)

    assert (tally.first, tally.second) == (candidate, base)
    assert (tally.wins, tally.losses, tally.ties, tally.same) == (3, 1, 3, 1)
    assert tally.rate == (1 + 0.5 + 0.5 + 0.5) / 4
    assert tally.interval == wilson(0.625, 4)


def test_judgements_of_the_arena_flow_into_pairs(cast, policies):
    prompts = held_out(cast, 1)
    answered(begin(cast, policies), prompts, policies)
    judge(cast.judge, policies[1].source_id)
    assert Pair.objects.get().winner.source_id == policies[1].source_id
    assert Submission.objects.new_judgements().count() == 1


def test_whoever_is_excluded_decides_no_match(cast, policies):
    prompts = held_out(cast, 1)
    answered(begin(cast, policies), prompts, policies)
    (who,) = make_judges(cast.project, 1)
    judge(who, policies[1].source_id)
    who.excluded = True
    who.save()
    assert arena.tallies(cast.project) == []


def test_tallies_cost_the_same_however_many_there_are(cast, policies, django_assert_num_queries):
    prompts = held_out(cast, 3)
    answered(begin(cast, policies), prompts, policies)
    for _ in prompts:
        judge(cast.judge, policies[1].source_id)
    with django_assert_num_queries(3):
        arena.tallies(cast.project)


def test_a_match_tells_how_many_answers_have_come(cast, policies):
    prompts = held_out(cast, 3)
    answered(begin(cast, policies), prompts, policies, same=prompts[2:])
    judge(cast.judge, None)
    (match,) = arena.matches(cast.project)
    assert (match.first, match.second, match.given, match.wanted) == ("v1", "v0", 1, 2)

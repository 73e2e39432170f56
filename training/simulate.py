"""The loop, proven: annotators with a known taste work through the real queue and submission.

Nothing here is a shortcut. Prompts come in as prompts, the base is sampled by the job that
samples, rankings go through claim and submit, rounds are rounds. Only the people are simulated.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from django.utils.text import slugify

from annotation.errors import Conflict, Invalid
from annotation.guidelines import in_force, publish
from annotation.models import Annotator, Completion, Project, Prompt, Split, Submission
from annotation.progress import Report
from annotation.queue import claim
from annotation.submissions import submit
from annotation.tasking import add_prompt
from training import jobs, rounds, tastes, worker
from training.engine.evaluate import clustered_interval
from training.methods import METHODS as ALL_METHODS
from training.models import Evaluation, Policy, Round
from training.policies import ensure_base

# The simulated people rank; nobody writes.
METHODS = {name: each for name, each in ALL_METHODS.items() if name != "sft"}
PROMPTS = Path(__file__).parent / "data" / "prompts.jsonl"
HELD_OUT = (Split.VALIDATION, Split.TEST)
# So that who gets what follows from the plan's seed alone.
NOTHING_TWICE = {"overlap_share": 0.0, "gold_share": 0.0, "repeat_share": 0.0}
GUIDELINES = {
    "concise": "Prefer the answer whose length is nearest to twelve words.",
    "positive": "Prefer the answer that sounds happiest.",
}


@dataclass(frozen=True)
class Plan:
    """One simulation."""

    gold: str
    method: str = "dpo"
    rounds: int = 2
    annotators: int = 3
    seed: int = 0
    temperature: float = 0.1  # of the annotators' noise, in units of the gold score
    prompts: int = 128  # training prompts
    held_out: int = 96
    held_out_samples: int = 3  # for each, from each policy: prompts differ more than samples do
    max_new_tokens: int = 48
    sampling_temperature: float = 0.7
    configuration: dict[str, Any] = field(default_factory=dict)  # of every round


def prepare(plan: Plan, slug: str) -> Project:
    """The project to work in: a fresh one, or one that holds simulated work only.

    Raises Invalid for an unknown taste, Conflict for a project that holds people's work.
    """
    if plan.gold not in tastes.TASTES:
        raise Invalid(f"gold: {plan.gold!r} is not known. Use one of: {', '.join(tastes.TASTES)}.")
    if slugify(slug) != slug:
        raise Invalid(f"project: {slug!r} must be of small letters, digits and hyphens.")
    project, made = Project.objects.get_or_create(
        slug=slug,
        defaults={
            "name": f"Simulation: {plan.gold}",
            "simulated": True,
            "held_names": [],  # nobody looks, and nobody decides
            **NOTHING_TWICE,
        },
    )
    if not made and (not project.simulated or _holds_peoples_work(project)):
        raise Conflict(
            f"project {slug} holds people's work. Name another project, or none for a fresh one."
        )
    if in_force(project) is None:
        publish(project, GUIDELINES[plan.gold], None)
    ensure_base(project)
    return project


def _holds_peoples_work(project: Project) -> bool:
    return (
        Submission.objects.filter(project=project)
        .exclude(origin=Submission.Origin.SIMULATED)
        .exists()
    )


def run(plan: Plan, project: Project, report: Report, *, heartbeat: bool = True) -> Iterator[Round]:
    """Sample, rank, and run the rounds; yields each round as it ends."""
    train = _add_prompts(project, plan)
    _sample_base(project, train, plan, report, heartbeat=heartbeat)
    chance = np.random.default_rng(plan.seed)
    for number in range(1, plan.rounds + 1):
        rank_everything(project, plan, chance, report)
        made = rounds.start(
            project,
            method=plan.method,
            trigger=Round.Trigger.COMMAND,
            by="simulate",
            configuration=_configuration(plan, last=number == plan.rounds),
            seed=plan.seed * 1000 + number,
        )
        yield worker.run_round(made, report, heartbeat=heartbeat)


def _sampling(plan: Plan) -> dict[str, Any]:
    return {
        "max_new_tokens": plan.max_new_tokens,
        "temperature": plan.sampling_temperature,
        "seed": plan.seed,
    }


def _configuration(plan: Plan, *, last: bool) -> dict[str, Any]:
    """After the last round a few samples are queued to show that they are; nobody ranks them."""
    return {
        "queue_prompts": min(4, plan.prompts) if last else plan.prompts,
        "evaluation_prompts": plan.held_out,
        "evaluation_samples": plan.held_out_samples,
        "sampling": _sampling(plan),
        **plan.configuration,
    }


def _add_prompts(project: Project, plan: Plan) -> list[Prompt]:
    """Add as many prompts of each side as planned; returns those to train on. Raises Invalid."""
    wanted = {"train": plan.prompts, "held out": plan.held_out}
    taken: dict[str, list[Prompt]] = {side: [] for side in wanted}
    for line in PROMPTS.read_text(encoding="utf-8").splitlines():
        side = "held out" if _split(line) in HELD_OUT else "train"
        if len(taken[side]) < wanted[side]:
            taken[side].append(add_prompt(project, json.loads(line)["prompt"])[0])
    for side, prompts in taken.items():
        if len(prompts) < wanted[side]:
            raise Invalid(f"There are only {len(prompts)} prompts to {side}; ask for fewer.")
    return taken["train"]


def _split(line: str) -> str:
    from annotation.content import group_of, parse_messages, split_of

    return split_of(group_of(parse_messages(json.loads(line)["prompt"])))


def _sample_base(
    project: Project, prompts: list[Prompt], plan: Plan, report: Report, *, heartbeat: bool
) -> None:
    job = jobs.ask(
        "samples",
        f"simulate:{project.pk}",
        project=project,
        payload={"prompts": [prompt.pk for prompt in prompts], "sampling": _sampling(plan)},
    )
    worker.work_for(project, report, heartbeat=heartbeat)
    job.refresh_from_db()
    if job.state != jobs.State.DONE:
        raise Conflict(job.error or "The base model's samples are being drawn by another worker.")


def rank_everything(
    project: Project, plan: Plan, chance: np.random.Generator, report: Report
) -> int:
    """Let every annotator take tasks until none is left; returns how many rankings were made."""
    people = [
        Annotator.objects.get_or_create(
            project=project,
            pseudonym=f"simulated-{number + 1}",
            defaults={"kind": Annotator.Kind.SIMULATED},
        )[0]
        for number in range(plan.annotators)
    ]
    made = 0
    while people:
        for person in list(people):
            if not _rank_one(person, plan, chance):
                people.remove(person)
                continue
            made += 1
            report("ranking", made, made)
    return made


def _rank_one(person: Annotator, plan: Plan, chance: np.random.Generator) -> bool:
    assignment, _ = claim(person)
    if assignment is None:
        return False
    shown = list(Completion.objects.filter(pk__in=assignment.order).order_by("pk"))
    ranks = tastes.noisy_ranks(
        [each.text for each in shown], tastes.TASTES[plan.gold], plan.temperature, chance
    )
    body = {"ranks": {str(each.uid): rank for each, rank in zip(shown, ranks, strict=True)}}
    submit(
        assignment.pk,
        person,
        body,
        key=f"simulate:{assignment.pk}",
        origin=Submission.Origin.SIMULATED,
    )
    return True


# --- what came of it ------------------------------------------------------------------------


def results(project: Project, gold: str) -> list[dict[str, Any]]:
    """One row per published policy, the base first. What a round rejected, its outcome names."""
    policies = Policy.objects.filter(project=project).exclude(state=Policy.State.REJECTED)
    policies = policies.order_by("version")
    return [_row(policy, tastes.TASTES[gold]) for policy in policies.select_related("round")]


def _row(policy: Policy, taste: tastes.Taste) -> dict[str, Any]:
    evaluation = Evaluation.objects.filter(policy=policy).order_by("-pk").first()
    figures = evaluation.metrics if evaluation else {}
    drawn = list(Completion.objects.filter(source_id=policy.source_id, prompt__split__in=HELD_OUT))
    gold = (
        clustered_interval([taste(each.text) for each in drawn], [each.prompt_id for each in drawn])
        if drawn
        else None
    )
    made_by = Round.objects.filter(policy=policy).select_related("reward_model").first()
    reward = made_by.reward_model.metrics if made_by and made_by.reward_model else {}
    return {
        "version": policy.version,
        "state": policy.state,
        "gold_mean": gold.mean if gold else None,
        "gold_se": gold.se if gold else None,
        **{
            name: figures.get(name)
            for name in (
                *("kl", "reference_perplexity", "mean_length", "distinct_2"),
                "proxy_reward",
            )
        },
        "reward_accuracy": reward.get("accuracy"),
        "ece": reward.get("ece"),
    }

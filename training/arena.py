"""The arena: two policies answer the same prompts, and people say blindly whose answer is better.

Matches are on held-out prompts: no policy has learned from what it is measured on, and what people
say there flows into exports and into the figures of reward models as any other judgement does,
while training reads training prompts alone.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet
from django.utils.translation import gettext

from annotation import lineup
from annotation.audit import record
from annotation.errors import Conflict, Invalid
from annotation.models import Completion, Project, Prompt, RankedItem, Submission, Task, User
from annotation.models import TaskCompletion as Slot
from annotation.tasking import make_task
from training import jobs
from training.models import Job, Policy
from training.selectors import wilson
from training.steps.context import HELD_OUT

MOST_PROMPTS = 500
MOST_PEOPLE = 100
SOONER = 1.0  # than what rounds and imports put into the queue
PRIORITY = 1  # of the job: after what people wait for


def start(
    project: Project, first: Policy, second: Policy, *, prompts: int, people: int, by: User
) -> Job:
    """Let both policies answer up to ``prompts`` held-out prompts on which they have not met, each
    pair of answers to be judged by ``people``.

    Raises Invalid for policies that are one, or numbers out of range; Conflict while a match of
    the project is being prepared, or when no such prompt is left.
    """
    _check(first, second, prompts, people)
    with transaction.atomic():
        project = lineup.lock(project)
        last = _matches(project).first()
        if last is not None and last.state in (Job.State.PENDING, Job.State.RUNNING):
            raise Conflict(
                gettext("Another match is being prepared. Wait until its tasks are there.")
            )
        chosen = _unmet(project, first, second)[:prompts]
        if not chosen:
            raise Conflict(
                gettext(
                    "%(first)s and %(second)s have met on every held-out prompt that there is. "
                    "Import further prompts first."
                )
                % {"first": first, "second": second}
            )
        payload = {
            "first": min(first.version, second.version),
            "second": max(first.version, second.version),
            "prompts": chosen,
            "people": people,
        }
        key = f"arena:{project.pk}:{last.pk if last else 0}"
        job = jobs.ask("arena", key, project=project, payload=payload, priority=PRIORITY)
        record("arena.started", job, project=project, by=by, data=payload)
    return job


def _check(first: Policy, second: Policy, prompts: int, people: int) -> None:
    if first.pk == second.pk:
        raise Invalid(gettext("second: choose two different policies."))
    if not 1 <= prompts <= MOST_PROMPTS:
        raise Invalid(
            gettext("prompts: from 1 to %(most_prompts)s.") % {"most_prompts": MOST_PROMPTS}
        )
    if not 1 <= people <= MOST_PEOPLE:
        raise Invalid(gettext("people: from 1 to %(most_people)s.") % {"most_people": MOST_PEOPLE})


def _matches(project: Project) -> QuerySet[Job]:
    return Job.objects.filter(project=project, kind="arena").order_by("-pk")


def _unmet(project: Project, first: Policy, second: Policy) -> list[int]:
    """Held-out prompts without an arena task of these two, oldest first."""
    arena = Task.objects.filter(
        _shows(first), _shows(second), prompt=OuterRef("pk"), purpose=Task.Purpose.ARENA
    )
    prompts = Prompt.objects.visible().filter(~Exists(arena), project=project, split__in=HELD_OUT)
    return list(prompts.order_by("pk").values_list("pk", flat=True))


def _shows(policy: Policy) -> Exists:
    return Exists(Slot.objects.filter(task=OuterRef("pk"), completion__source=policy.source_id))


def ask_people(job: Job, prompt: Prompt, answers: Sequence[Completion]) -> None:
    """The task over the two answers. Where they say the same there is nothing to ask: the task is
    withdrawn as it is made, and stands for a tie."""
    make_task(
        prompt,
        answers,
        kind="compare",
        wanted=job.payload["people"],
        priority=SOONER,
        purpose=Task.Purpose.ARENA,
        withdrawn=answers[0].text == answers[1].text,
        key=f"arena:{job.pk}:{prompt.pk}",
    )


# --- who wins -----------------------------------------------------------------------------------


@dataclass
class Tally:
    """How often ``first`` did better than ``second``: by prompt, the mean over people, a tie one
    half. Its interval is Wilson's over prompts, since judgements of one prompt hang together."""

    first: Policy
    second: Policy
    wins: int = 0
    losses: int = 0
    ties: int = 0
    same: int = 0
    by_prompt: dict[int, list[float]] = field(default_factory=dict)

    def add(self, prompt: int, outcome: float) -> None:
        self.by_prompt.setdefault(prompt, []).append(outcome)
        self.wins += outcome == 1.0
        self.losses += outcome == 0.0
        self.ties += outcome == 0.5

    @property
    def prompts(self) -> int:
        return len(self.by_prompt)

    @property
    def rate(self) -> float:
        means = [sum(each) / len(each) for each in self.by_prompt.values()]
        return sum(means) / len(means)

    @property
    def interval(self) -> tuple[float, float]:
        return wilson(self.rate, self.prompts)


def tallies(project: Project) -> list[Tally]:
    """Each two policies that met in the arena, the later version against the earlier one; those
    against the base first. Three queries."""
    policies = {each.source_id: each for each in Policy.objects.filter(project=project)}
    found: dict[tuple[int, int], Tally] = {}
    for prompt, sources in _same_answers(project):
        tally = _tally(found, policies, sources)
        tally.add(prompt, 0.5)
        tally.same += 1
    for prompt, ranks in _judgements(project):
        tally = _tally(found, policies, ranks)
        above = ranks[tally.second.source_id] - ranks[tally.first.source_id]
        tally.add(prompt, 0.5 if above == 0 else float(above > 0))
    return sorted(found.values(), key=lambda each: (each.second.version, -each.first.version))


def _tally(
    found: dict[tuple[int, int], Tally], policies: dict[int, Policy], sources: Iterable[int]
) -> Tally:
    second, first = sorted((policies[each] for each in sources), key=lambda one: one.version)
    return found.setdefault((first.pk, second.pk), Tally(first, second))


def _judgements(project: Project) -> list[tuple[int, dict[int, int]]]:
    """Of each judgement that counts: its prompt, and the ranks by source."""
    said = Submission.objects.new_judgements().filter(
        project=project, task__purpose=Task.Purpose.ARENA
    )
    rows = RankedItem.objects.filter(ranking__submission__in=said).values_list(
        "ranking_id", "completion__prompt_id", "completion__source_id", "rank"
    )
    found: dict[int, tuple[int, dict[int, int]]] = {}
    for ranking, prompt, source, rank in rows:
        found.setdefault(ranking, (prompt, {}))[1][source] = rank
    return list(found.values())


def _same_answers(project: Project) -> list[tuple[int, list[int]]]:
    """Of each task that asked nobody, since both said the same: its prompt and its sources."""
    slots = Slot.objects.filter(
        task__project=project, task__purpose=Task.Purpose.ARENA, task__withdrawn=True
    ).values_list("task_id", "task__prompt_id", "completion__source_id", "completion__text_sha256")
    found: dict[int, tuple[int, dict[int, str]]] = {}
    for task, prompt, source, text in slots:
        found.setdefault(task, (prompt, {}))[1][source] = text
    return [
        (prompt, list(texts))
        for prompt, texts in found.values()
        if len(texts) == 2 and len(set(texts.values())) == 1
    ]


# --- matches ------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Match:
    """One match as managers see it: how far its tasks are, and how many answers have come."""

    job: Job
    first: str
    second: str
    prompts: int
    given: int
    wanted: int


def matches(project: Project, shown: int = 10) -> list[Match]:
    """The newest first; one query, and one for each."""
    return [match_of(job) for job in _matches(project)[:shown]]


def match_of(job: Job) -> Match:
    tasks = Task.objects.filter(
        project=job.project_id, key__startswith=f"arena:{job.pk}:", withdrawn=False
    )
    places = list(tasks.values_list("taken", "wanted"))
    payload = job.payload
    return Match(
        job=job,
        first=f"v{payload['second']}",
        second=f"v{payload['first']}",
        prompts=len(payload["prompts"]),
        given=sum(taken for taken, _ in places),
        wanted=sum(wanted for _, wanted in places),
    )

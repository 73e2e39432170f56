"""Reads for the pages of the people's side. Their query counts are pinned by tests."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Exists, Max, OuterRef, Q, QuerySet, Sum
from django.utils import timezone

from annotation.guidelines import newest_first
from annotation.models import (
    Annotator,
    Assignment,
    Completion,
    GuidelineVersion,
    Membership,
    Project,
    Role,
    Snapshot,
    Submission,
    Task,
    User,
)
from annotation.models.tasks import TaskQuerySet
from annotation.people import RANKERS
from annotation.prepared import prepared

COUNTED_UP_TO = 100
PROJECTS_SHOWN = 50


def held(annotator: Annotator) -> Assignment | None:
    """The live lease of this person, if there is one."""
    mine = Assignment.objects.filter(annotator=annotator, state=Assignment.State.OPEN)
    return mine.filter(expires_at__gt=timezone.now(), task__withdrawn=False).first()


def shown_completions(assignment: Assignment) -> list[Completion]:
    """The task's completions in the order in which this person sees them."""
    found = completions_of.all(assignment.task_id)
    place = {pk: number for number, pk in enumerate(assignment.order)}
    return sorted(found, key=lambda completion: place[completion.pk])


@prepared
def completions_of(task: int) -> QuerySet[Completion]:
    """Their texts and what answers call them by."""
    return Completion.objects.filter(slots__task=task).only("uid", "text")


def said(submission: Submission) -> dict[str, Any]:
    """An answer in the form in which a draft of it would be kept."""
    answer: dict[str, Any] = {"comment": submission.comment, "labels": submission.labels}
    if hasattr(submission, "thumb"):
        return {**answer, "verdict": submission.thumb.verdict}
    if hasattr(submission, "demonstration"):
        return {**answer, "text": submission.demonstration.text}
    items = list(submission.ranking.items.select_related("completion"))
    return {
        **answer,
        "ranks": {str(item.completion.uid): item.rank for item in items},
        "unacceptable": [str(item.completion.uid) for item in items if item.unacceptable],
        "placed": [str(item.completion.uid) for item in items],
        "strengths": submission.ranking.strengths,
        "ratings": {
            str(item.completion.uid): item.rating for item in items if item.rating is not None
        },
    }


@dataclass(frozen=True)
class Work:
    """What waits for one person in one project, and what they have done."""

    waiting: int
    today: int
    total: int
    guideline: GuidelineVersion | None

    @property
    def waiting_shown(self) -> str:
        return shown_count(self.waiting)


def work_of(annotator: Annotator) -> Work:
    mine = Submission.objects.counted().filter(annotator=annotator)
    done = mine.aggregate(
        total=Count("pk"), today=Count("pk", filter=Q(created_at__gte=start_of_day()))
    )
    return Work(
        waiting=waiting_for(annotator.project, annotator) or _only_reserved_for(annotator),
        today=done["today"],
        total=done["total"],
        guideline=guidelines_of(annotator.project).first(),
    )


def waiting_for(project: Project, annotator: Annotator | None) -> int:
    """How many open tasks this person could be given, counted no further than is shown."""
    open_tasks = _for_person(annotator).open().filter(project=project)
    return open_tasks.order_by("queue_order", "pk")[: COUNTED_UP_TO + 1].count()


def _only_reserved_for(annotator: Annotator) -> int:
    """How many more a claim would give this person once no other is left (``reserving``)."""
    kept = Assignment.objects.filter(
        state=Assignment.State.RESERVED, task__project=annotator.project_id
    )
    tasks = _for_person(annotator).filter(withdrawn=False, held=False)
    return tasks.filter(pk__in=kept.values("task")).count()


def _for_person(annotator: Annotator | None) -> TaskQuerySet:
    tasks = Task.objects.offered().visible()
    if annotator is None:
        return tasks
    had = Assignment.objects.filter(task=OuterRef("pk"), annotator=annotator)
    had = had.exclude(state__in=(Assignment.State.EXPIRED, Assignment.State.RESERVED))
    return tasks.filter(~Exists(had))


def shown_count(count: int) -> str:
    return f"{COUNTED_UP_TO}+" if count > COUNTED_UP_TO else str(count)


@dataclass
class Mine:
    """One project on a person's first page."""

    project: Project
    roles: list[str]
    waiting: int = 0
    held: Assignment | None = None
    today: int = 0

    @property
    def ranks(self) -> bool:
        return bool(set(self.roles) & set(RANKERS))

    @property
    def reads(self) -> bool:
        return bool(set(self.roles) & {Role.MANAGER, Role.RESEARCHER})

    @property
    def waiting_shown(self) -> str:
        return shown_count(self.waiting)


def projects_for(user: User) -> list[Mine]:
    """The projects of a person by name, with what waits there: four queries, and one for each
    project in which the person ranks. A superuser sees every project as its manager."""
    mine: dict[int, Mine] = {}
    members = Membership.objects.filter(user=user).select_related("project").order_by("role")
    for member in members:
        mine.setdefault(member.project_id, Mine(member.project, [])).roles.append(member.role)
    if user.is_superuser:
        for project in Project.objects.exclude(pk__in=mine).order_by("name")[:PROJECTS_SHOWN]:
            mine[project.pk] = Mine(project, [Role.MANAGER])
    _add_work(user, mine)
    return sorted(mine.values(), key=lambda one: one.project.name.casefold())


def _add_work(user: User, mine: dict[int, Mine]) -> None:
    annotators = {
        each.project_id: each for each in Annotator.objects.filter(user=user, project__in=mine)
    }
    live = Q(state=Assignment.State.OPEN, expires_at__gt=timezone.now())
    held = Assignment.objects.filter(live, annotator__in=annotators.values())
    for assignment in held.select_related("annotator"):
        mine[assignment.annotator.project_id].held = assignment
    given = Submission.objects.counted().filter(
        annotator__in=annotators.values(), created_at__gte=start_of_day()
    )
    for row in given.values("project").annotate(today=Count("pk")):
        mine[row["project"]].today = row["today"]
    for one in mine.values():
        if one.ranks:
            one.waiting = waiting_for(one.project, annotators.get(one.project.pk))


def start_of_day() -> datetime:
    return timezone.localtime().replace(hour=0, minute=0, second=0, microsecond=0)


def guidelines_of(project: Project) -> QuerySet[GuidelineVersion]:
    """Published versions, the one in force first."""
    return newest_first(project).select_related("published_by")


def frozen_snapshots(project: Project) -> QuerySet[Snapshot]:
    """The newest first."""
    return Snapshot.objects.filter(project=project, frozen_at__isnull=False).order_by("-pk")


@dataclass(frozen=True)
class Progress:
    """How far a project has come. ``wanted`` and ``given`` count answers, imported ones too."""

    tasks: int
    wanted: int
    given: int
    today: int
    imported: int

    @property
    def percent(self) -> int:
        return int(100 * min(self.given, self.wanted) / self.wanted) if self.wanted else 0


def given_counts(project: Project) -> dict[str, int]:
    """How many answers there are: ``all``, ``today`` and ``imported``."""
    imported = Q(origin=Submission.Origin.IMPORT)
    return (
        Submission.objects.new_judgements()
        .filter(project=project)
        .exclude(task__purpose=Task.Purpose.REVIEW)
        .aggregate(
            all=Count("pk"),
            today=Count("pk", filter=~imported & Q(created_at__gte=start_of_day())),
            imported=Count("pk", filter=imported),
        )
    )


def progress(project: Project, given: dict[str, int] | None = None) -> Progress:
    """``given``: counts that somebody has kept (``given_counts``), which are costly."""
    tasks = (
        Task.objects.visible()
        .exclude(purpose__in=(*Task.PLACED, Task.Purpose.REVIEW))
        .filter(project=project, withdrawn=False)
        .aggregate(count=Count("pk"), wanted=Sum("wanted"))
    )
    given = given_counts(project) if given is None else given
    return Progress(
        tasks=tasks["count"],
        wanted=tasks["wanted"] or 0,
        given=given["all"],
        today=given["today"],
        imported=given["imported"],
    )


@dataclass
class Person:
    """One member of a project, with what they have judged there."""

    user: User
    roles: list[str]
    answers: int = 0
    today: int = 0
    last: datetime | None = None


def people_of(project: Project) -> list[Person]:
    """The members, those who have judged most first."""
    people: dict[int, Person] = {}
    members = Membership.objects.filter(project=project).select_related("user").order_by("role")
    for member in members:
        people.setdefault(member.user_id, Person(member.user, [])).roles.append(member.role)
    answers = Submission.objects.counted().filter(project=project, annotator__user__in=people)
    for user, given, today, last in (
        answers.values("annotator__user")
        .annotate(
            given=Count("pk"),
            today=Count("pk", filter=Q(created_at__gte=start_of_day())),
            last=Max("created_at"),
        )
        .values_list("annotator__user", "given", "today", "last")
    ):
        person = people[user]
        person.answers, person.today, person.last = given, today, last
    return sorted(people.values(), key=lambda one: (-one.answers, one.user.username))

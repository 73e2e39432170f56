"""What needs a manager's eye now, on the people's side: a sentence each, and where to go."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone

from annotation.guidelines import in_force
from annotation.holding import held_of
from annotation.models import Annotator, Assignment, Doubt, GuidelineNote, Project, Task
from annotation.quality.reports import Measured
from annotation.reviews import waiting
from annotation.selectors import COUNTED_UP_TO, shown_count

LATELY = timedelta(days=7)
GRAVE, SOON, WORTH_A_LOOK = range(3)
STATES = {GRAVE: "failed", SOON: "waiting", WORTH_A_LOOK: "running"}
REPORTED = (Assignment.SkipReason.HARMFUL, Assignment.SkipReason.BROKEN)


@dataclass(frozen=True)
class Need:
    """``weight`` is GRAVE where work stands still or harms, SOON where it will."""

    weight: int
    words: str
    address: str

    @property
    def state(self) -> str:
        return STATES[self.weight]


def people_needs(project: Project, measured: Measured) -> list[Need]:
    """In no order yet: ``in_order`` puts those of both sides together."""
    return [
        *_of_queue(project),
        *_of_reports(project),
        *_of_problems(project),
        *_of_people(project, measured),
        *_of_reviews(project),
    ]


def in_order(needs: list[Need]) -> list[Need]:
    return sorted(needs, key=lambda need: need.weight)


def count(number: int, noun: str, plural: str = "") -> str:
    return f"{number:,} {noun if number == 1 else plural or noun + 's'}"


def _of_queue(project: Project) -> list[Need]:
    if in_force(project) is None:
        address = reverse("guideline", args=[project.slug])
        return [Need(GRAVE, "There is no guideline, so that nobody can rank.", address)]
    tasks = Task.objects.open().visible().offered().filter(project=project)
    left = tasks.order_by("queue_order", "pk")[: COUNTED_UP_TO + 1].count()
    address = reverse("project-settings", args=[project.slug])
    if not left:
        return [Need(GRAVE, "The queue is empty: nobody can be given a task.", address)]
    if left < min(project.keep_open, COUNTED_UP_TO) / 2:
        open_tasks = count(left, "task is open", "tasks are open")
        return [Need(SOON, f"The queue runs dry: {open_tasks}.", address)]
    return []


def _of_reports(project: Project) -> list[Need]:
    reported = Assignment.objects.filter(
        task__project=project,
        state=Assignment.State.SKIPPED,
        skip_reason__in=REPORTED,
        finished_at__gte=timezone.now() - LATELY,
    ).aggregate(
        harmful=Count("pk", filter=Q(skip_reason=Assignment.SkipReason.HARMFUL)),
        broken=Count("pk", filter=Q(skip_reason=Assignment.SkipReason.BROKEN)),
    )
    address = reverse("project", args=[project.slug]) + "#reports"
    words = {"harmful": "disturbing", "broken": "broken"}
    return [
        Need(GRAVE, f"{count(reported[name], 'task')} reported as {word} this week.", address)
        for name, word in words.items()
        if reported[name]
    ]


def _of_problems(project: Project) -> list[Need]:
    address = reverse("problems", args=[project.slug])
    needs = []
    if reported := project.problems.filter(resolved_at=None).count():
        needs.append(Need(SOON, f"{count(reported, 'problem')} reported with a task.", address))
    if held := held_of(project).count():
        back = count(held, "response is held back", "responses are held back")
        needs.append(Need(SOON, f"{back} until you decide.", address))
    return needs


def reports(project: Project) -> list[Assignment]:
    """The newest tasks that were given back as disturbing or broken."""
    found = Assignment.objects.filter(
        task__project=project, state=Assignment.State.SKIPPED, skip_reason__in=REPORTED
    )
    return list(found.select_related("task__prompt", "annotator").order_by("-finished_at")[:10])


def _of_people(project: Project, measured: Measured) -> list[Need]:
    aside = Annotator.objects.filter(project=project).filter(Q(excluded=True) | Q(paused=True))
    known = set(aside.values_list("pseudonym", flat=True))
    flagged = [one for one in measured.people if one.flags and one.pseudonym not in known]
    if not flagged:
        return []
    stand_out = count(len(flagged), "annotator stands out", "annotators stand out")
    return [Need(SOON, f"{stand_out}.", reverse("quality", args=[project.slug]) + "#attention")]


def _of_reviews(project: Project) -> list[Need]:
    address = reverse("reviews", args=[project.slug])
    needs = []
    missed = waiting(project, Doubt.Reason.GOLD).count()
    if missed:
        known = count(missed, "known answer was", "known answers were")
        needs.append(Need(SOON, f"{known} missed.", f"{address}?reason=gold"))
    doubted = waiting(project)[: COUNTED_UP_TO + 1].count()
    if doubted:
        words = f"{shown_count(doubted)} doubtful {'task waits' if doubted == 1 else 'tasks wait'}"
        needs.append(Need(WORTH_A_LOOK, f"{words} for a review.", address))
    notes = GuidelineNote.objects.filter(project=project, closed_at=None).count()
    if notes:
        address = reverse("guideline", args=[project.slug]) + "#notes"
        opened = count(notes, "note says", "notes say")
        needs.append(Need(WORTH_A_LOOK, f"{opened} what the guideline leaves open.", address))
    return needs

"""What needs a manager's eye now, on the people's side: a sentence each, and where to go."""

from dataclasses import dataclass
from datetime import timedelta

from django.db.models import Count, Q
from django.urls import reverse
from django.utils import timezone
from django.utils.translation import gettext, ngettext

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


def _of_queue(project: Project) -> list[Need]:
    if in_force(project) is None:
        address = reverse("guideline", args=[project.slug])
        return [Need(GRAVE, gettext("There is no guideline, so that nobody can rank."), address)]
    tasks = Task.objects.open().visible().offered().filter(project=project)
    left = tasks.order_by("queue_order", "pk")[: COUNTED_UP_TO + 1].count()
    address = reverse("project-settings", args=[project.slug])
    if not left:
        return [Need(GRAVE, gettext("The queue is empty: nobody can be given a task."), address)]
    if left < min(project.keep_open, COUNTED_UP_TO) / 2:
        words = ngettext(
            "The queue runs dry: %(number)s task is open.",
            "The queue runs dry: %(number)s tasks are open.",
            left,
        )
        return [Need(SOON, words % {"number": f"{left:,}"}, address)]
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
    harmful = ngettext(
        "%(number)s task reported as disturbing this week.",
        "%(number)s tasks reported as disturbing this week.",
        reported["harmful"],
    )
    broken = ngettext(
        "%(number)s task reported as broken this week.",
        "%(number)s tasks reported as broken this week.",
        reported["broken"],
    )
    return [
        Need(GRAVE, words % {"number": f"{reported[name]:,}"}, address)
        for name, words in (("harmful", harmful), ("broken", broken))
        if reported[name]
    ]


def _of_problems(project: Project) -> list[Need]:
    address = reverse("problems", args=[project.slug])
    needs = []
    if reported := project.problems.filter(resolved_at=None).count():
        words = ngettext(
            "%(number)s problem reported with a task.",
            "%(number)s problems reported with a task.",
            reported,
        )
        needs.append(Need(SOON, words % {"number": f"{reported:,}"}, address))
    if held := held_of(project).count():
        words = ngettext(
            "%(number)s response is held back until you decide.",
            "%(number)s responses are held back until you decide.",
            held,
        )
        needs.append(Need(SOON, words % {"number": f"{held:,}"}, address))
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
    words = ngettext(
        "%(number)s annotator stands out.", "%(number)s annotators stand out.", len(flagged)
    )
    address = reverse("quality", args=[project.slug]) + "#attention"
    return [Need(SOON, words % {"number": f"{len(flagged):,}"}, address)]


def _of_reviews(project: Project) -> list[Need]:
    address = reverse("reviews", args=[project.slug])
    needs = []
    missed = waiting(project, Doubt.Reason.GOLD).count()
    if missed:
        words = ngettext(
            "%(number)s known answer was missed.", "%(number)s known answers were missed.", missed
        )
        needs.append(Need(SOON, words % {"number": f"{missed:,}"}, f"{address}?reason=gold"))
    doubted = waiting(project)[: COUNTED_UP_TO + 1].count()
    if doubted:
        words = ngettext(
            "%(number)s doubtful task waits for a review.",
            "%(number)s doubtful tasks wait for a review.",
            doubted,
        )
        needs.append(Need(WORTH_A_LOOK, words % {"number": shown_count(doubted)}, address))
    notes = GuidelineNote.objects.filter(project=project, closed_at=None).count()
    if notes:
        address = reverse("guideline", args=[project.slug]) + "#notes"
        words = ngettext(
            "%(number)s note says what the guideline leaves open.",
            "%(number)s notes say what the guideline leaves open.",
            notes,
        )
        needs.append(Need(WORTH_A_LOOK, words % {"number": f"{notes:,}"}, address))
    return needs

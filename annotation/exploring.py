"""Going through the answers of a project: filters, words, page after page, newest first.

A page has to come at once, whatever is asked for and however many answers there are. So it is
looked for in windows: the next so many answers along the best index there is (the snapshot's, the
annotator's, the guideline's, the project's), then twice as many, until the page is full or the time
is up. A page that time has cut short says how far back it looked, and the next one goes on there.
Where a filter leaves only few tasks, as a rare word does, these are looked at alone.
"""

import time
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from string import ascii_uppercase
from typing import Any

from django.db.models import Exists, F, Max, Min, OuterRef, Prefetch, Q, QuerySet

from annotation import words as searching
from annotation.models import (
    Doubt,
    Project,
    RankedItem,
    SnapshotItem,
    Submission,
    TaskCompletion,
)
from annotation.narrowing import AGREED, few_tasks

ROWS = 50
WINDOW, WINDOW_OF_WORDS = 2_000, 200  # answers of the first window
LEAST = 50  # answers that a window holds, however little time is left
SECONDS = 0.12  # after which no further window is begun
# An answer takes its time and its id one right after the other: with a statement that writes many,
# and clocks that are set by the network, they disagree by no more.
OVERLAP = timedelta(minutes=1)


@dataclass(frozen=True)
class Query:
    """What is asked for; what is empty is not. ``agreement`` is AGREED or a reason of Doubt."""

    words: str = ""
    kind: str = ""
    guideline: int | None = None
    annotator: int | None = None
    source: int | None = None
    split: str = ""
    agreement: str = ""
    snapshot: int | None = None
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Found:
    """One answer; ``tiers`` are the letters of a ranking, best first, tied ones together."""

    submission: Submission
    tiers: list[str]
    sources: list[str]


@dataclass(frozen=True)
class Page:
    """``before`` is where the next one begins, None at the end. ``cut`` says that time was up
    before the page was full; ``reached`` is when the last answer that was looked at came in."""

    rows: list[Found] = field(default_factory=list)
    before: int | None = None
    cut: bool = False
    reached: datetime | None = None


def explore(
    project: Project, query: Query, before: int | None = None, *, seconds: float = SECONDS
) -> Page:
    """The newest answers that fit, from below the id ``before`` on."""
    few, have_words = few_tasks(project, query)
    fitting = _fitting(project, query, words=not have_words)
    span = _span(project, query, before)
    if span is None:
        return Page()
    low, high = span
    if few is not None:
        some = fitting.filter(task_id__in=few, pk__gte=low, pk__lt=high)
        # Not by the bare key: PostgreSQL would read answers from the newest on until it has a page.
        pks = list(some.order_by((F("pk") + 0).desc()).values_list("pk", flat=True)[: ROWS + 1])
        more = len(pks) > ROWS
        return _page(pks[:ROWS], pks[ROWS - 1] if more else None)
    return _by_windows(project, query, fitting, (low, high), seconds)


def _by_windows(
    project: Project, query: Query, fitting: Any, span: tuple[int, int], seconds: float
) -> Page:
    began, (low, high) = time.monotonic(), span
    lapped = began
    width = WINDOW_OF_WORDS if query.words else WINDOW
    pks: list[int] = []
    while True:
        along = _driver(project, query).filter(**{f"{_key(query)}__lt": high})
        ids = along.order_by(f"-{_key(query)}").values_list(_key(query), flat=True)
        end = next(iter(ids[width : width + 1]), None)
        floor = low if end is None else max(low, end + 1)
        some = fitting.filter(pk__gte=floor, pk__lt=high).order_by("-pk")
        pks += some.values_list("pk", flat=True)[: ROWS + 1 - len(pks)]
        if len(pks) > ROWS:
            return _page(pks[:ROWS], pks[ROWS - 1])
        high, now = floor, time.monotonic()
        if floor == low:
            return _page(pks, None)
        # The next window may take what time there is, and is twice as wide at most.
        share = (seconds - (now - began)) / max(now - lapped, 1e-3)
        width, lapped = max(LEAST, int(width * min(2.0, share))), now
        if now - began >= seconds:
            reached = Submission.objects.filter(project=project, pk__gte=floor).order_by("pk")
            when = reached.values_list("created_at", flat=True).first()
            return _page(pks, floor, cut=True, reached=when)


def _key(query: Query) -> str:
    return "submission_id" if query.snapshot else "id"


def _driver(project: Project, query: Query) -> QuerySet[Any]:
    """Rows along one index, of which those that fit are some."""
    if query.snapshot:
        return SnapshotItem.objects.filter(snapshot_id=query.snapshot)
    answers = Submission.objects.filter(project=project)
    if query.annotator:
        return Submission.objects.filter(annotator_id=query.annotator)
    if query.guideline:
        return Submission.objects.filter(guideline_id=query.guideline)
    return answers


def _span(project: Project, query: Query, before: int | None) -> tuple[int, int] | None:
    """The ids between which to look, the lower one included; None where there is nothing."""
    key, driver = _key(query), _driver(project, query)
    ends = driver.aggregate(low=Min(key), high=Max(key))
    if ends["low"] is None:
        return None
    low, high = ends["low"], ends["high"] + 1
    answers = Submission.objects.filter(project=project)
    if query.since:
        later = answers.filter(created_at__gte=query.since).order_by("created_at")
        first = later.values_list("created_at", flat=True).first()
        if first is None:
            return None
        near = later.filter(created_at__lte=first + OVERLAP)
        low = max(low, near.aggregate(low=Min("pk"))["low"])
    if query.until:
        earlier = answers.filter(created_at__lt=query.until).order_by("-created_at")
        last = earlier.values_list("created_at", flat=True).first()
        if last is None:
            return None
        near = earlier.filter(created_at__gte=last - OVERLAP)
        high = min(high, near.aggregate(high=Max("pk"))["high"] + 1)
    high = high if before is None else min(high, before)
    return (low, high) if low < high else None


def _fitting(project: Project, query: Query, *, words: bool) -> QuerySet[Submission]:
    """The answers that count and that fit; in any order."""
    return _narrow(Submission.objects.counted().filter(project=project), query, words=words)


def narrow(answers: QuerySet[Submission], project: Project, query: Query) -> QuerySet[Submission]:
    """Those of these answers of the project that fit."""
    few, have_words = few_tasks(project, query)
    fitting = _narrow(answers, query, words=not have_words)
    return fitting if few is None else fitting.filter(task_id__in=few)


def _narrow(found: QuerySet[Submission], query: Query, *, words: bool) -> QuerySet[Submission]:
    same: dict[str, Any] = {
        "task__kind": query.kind,
        "guideline_id": query.guideline,
        "annotator_id": query.annotator,
        "task__prompt__split": query.split,
        "created_at__gte": query.since,
        "created_at__lt": query.until,
    }
    found = found.filter(**{name: value for name, value in same.items() if value})
    if query.snapshot:
        items = SnapshotItem.objects.filter(snapshot_id=query.snapshot)
        found = found.filter(Exists(items.filter(submission_id=OuterRef("pk"))))
    slots = TaskCompletion.objects.filter(task_id=OuterRef("task_id"))
    if query.source:
        found = found.filter(Exists(slots.filter(completion__source_id=query.source)))
    if query.agreement:
        found = found.filter(_agreement(query.agreement))
    if query.words and words:
        prompt = searching.in_messages(query.words, "task__prompt__")
        text = slots.filter(searching.in_text(query.words, "completion__"))
        found = found.filter(Q(prompt) | Exists(text))
    return found


def _agreement(wanted: str) -> Any:
    doubts = Doubt.objects.filter(task_id=OuterRef("task_id"))
    if wanted == AGREED:
        return Q(task__taken__gte=2) & ~Exists(doubts.filter(reason=Doubt.Reason.DISAGREEMENT))
    return Q(Exists(doubts.filter(reason=wanted)))


# --- what is shown --------------------------------------------------------------------------


def _page(pks: list[int], before: int | None, **more: Any) -> Page:
    """Six queries."""
    items = RankedItem.objects.only("ranking_id", "completion_id", "rank").order_by("rank", "pk")
    slots = TaskCompletion.objects.select_related("completion__source").order_by("slot")
    named = ("task_id", "slot", "completion__source__kind", "completion__source__name")
    found = (
        Submission.objects.filter(pk__in=pks)
        .select_related("task__prompt", "annotator", "guideline", "ranking", "thumb")
        .prefetch_related(
            Prefetch("ranking__items", items), Prefetch("task__slots", slots.only(*named))
        )
    )
    by_pk = {each.pk: each for each in found}
    return Page([_row(by_pk[pk]) for pk in pks], before, **more)


def _row(submission: Submission) -> Found:
    slots = list(submission.task.slots.all())
    pairs = zip((slot.completion_id for slot in slots), ascii_uppercase, strict=False)
    letters, tiers = dict(pairs), dict[int, str]()
    if hasattr(submission, "ranking"):
        for item in submission.ranking.items.all():
            tiers[item.rank] = tiers.get(item.rank, "") + letters[item.completion_id]
    ordered = ["".join(sorted(tiers[rank])) for rank in sorted(tiers)]
    sources = sorted({str(slot.completion.source) for slot in slots})
    return Found(submission, ordered, sources)

"""What one person has done in a project: counts, time, days in a row, and every answer again."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import date, timedelta
from itertools import islice
from statistics import median

from django.db.models import Count, Max, Q, QuerySet
from django.db.models.functions import TruncDate
from django.utils import timezone

from annotation.models import Annotator, Assignment, Submission
from annotation.revisions import revisable
from annotation.selectors import start_of_day

TIMED = 200  # the newest answers that the usual time is taken from
SKIPPED_SHOWN = 20


@dataclass(frozen=True)
class Counts:
    """``seconds`` is the median time of the newest answers; None before the first."""

    today: int
    week: int
    total: int
    seconds: float | None
    days_in_a_row: int


def answers_of(annotator: Annotator) -> QuerySet[Submission]:
    return Submission.objects.counted().filter(annotator=annotator)


def counts_of(annotator: Annotator) -> Counts:
    """The week is the last seven days, today included."""
    morning = start_of_day()
    done = answers_of(annotator).aggregate(
        total=Count("pk"),
        today=Count("pk", filter=Q(created_at__gte=morning)),
        week=Count("pk", filter=Q(created_at__gte=morning - timedelta(days=6))),
    )
    newest = answers_of(annotator).order_by("-pk").values_list("seconds", flat=True)[:TIMED]
    seconds = [each for each in newest if each is not None]
    return Counts(
        seconds=median(seconds) if seconds else None,
        days_in_a_row=_days_in_a_row(annotator, timezone.localdate()),
        **done,
    )


def _days_in_a_row(annotator: Annotator, today: date) -> int:
    """Days up to today with an answer on each; today may still be without one."""
    worked = (
        answers_of(annotator)
        .annotate(day=TruncDate("created_at"))
        .values("day")
        .annotate(last=Max("pk"))
        .order_by("-day")
        .values_list("day", flat=True)
    )
    expected, count = today, 0
    for day in worked.iterator():
        if day == today - timedelta(days=1) and not count:
            expected = day
        if day != expected:
            break
        count, expected = count + 1, day - timedelta(days=1)
    return count


@dataclass(frozen=True)
class Answered:
    submission: Submission
    may_change: bool

    @property
    def order(self) -> str:
        """A ranking in the letters that the person saw: "C › A = B ✕ D"; empty for other kinds."""
        if not hasattr(self.submission, "ranking"):
            return ""
        return _in_letters(self.submission)


def _in_letters(submission: Submission) -> str:
    letter = {pk: "ABCDEFGHI"[place] for place, pk in enumerate(submission.order or [])}
    tiers: dict[int, list[str]] = {}
    out: list[str] = []
    for item in submission.ranking.items.all():
        known = letter.get(item.completion_id, "?")
        (out if item.unacceptable else tiers.setdefault(item.rank, [])).append(known)
    ranked = " › ".join(" = ".join(sorted(tiers[rank])) for rank in sorted(tiers))
    return " ".join(part for part in (ranked, f"✕ {' '.join(sorted(out))}" if out else "") if part)


def answered(annotator: Annotator, words: str, start: int, count: int) -> list[Answered]:
    """Answers, newest first, whose prompt holds all ``words``, from the ``start``-th on."""
    page = list(islice(_matching(annotator, words), start, start + count))
    free = set(revisable(annotator).filter(pk__in=page).values_list("pk", flat=True))
    found = Submission.objects.filter(pk__in=page).select_related(
        "task__prompt", "guideline", "ranking", "thumb", "demonstration"
    )
    by_id = {each.pk: each for each in found.prefetch_related("ranking__items")}
    return [Answered(by_id[pk], pk in free) for pk in page]


def _matching(annotator: Annotator, words: str) -> Iterator[int]:
    """Ids, newest first. In Python: the databases fold letters differently inside JSON."""
    wanted = words.casefold().split()
    rows = answers_of(annotator).order_by("-pk")
    if not wanted:
        yield from rows.values_list("pk", flat=True).iterator()
        return
    for pk, messages in rows.values_list("pk", "task__prompt__messages").iterator():
        text = " ".join(message["content"] for message in messages).casefold()
        if all(word in text for word in wanted):
            yield pk


def skipped(annotator: Annotator) -> QuerySet[Assignment]:
    """What the person gave back with a reason, newest first."""
    given_back = Assignment.objects.filter(annotator=annotator, state=Assignment.State.SKIPPED)
    return given_back.select_related("task__prompt").order_by("-finished_at")[:SKIPPED_SHOWN]

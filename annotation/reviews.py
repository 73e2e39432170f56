"""Second looks: note what is doubted, give it to somebody else to rank blind, keep the outcome."""

from collections.abc import Iterable

from django.db import transaction
from django.db.models import Exists, OuterRef, Q, QuerySet, Sum
from django.utils import timezone
from django.utils.translation import gettext

from annotation.audit import record
from annotation.content import check_storable
from annotation.cursors import lock_annotator
from annotation.errors import Conflict, Invalid
from annotation.lineup import lock
from annotation.models import (
    Annotator,
    Assignment,
    Doubt,
    GuidelineNote,
    Project,
    Review,
    Submission,
    Task,
    TaskCompletion,
    User,
)
from annotation.placement import copy_slots
from annotation.quality.doubts import doubts
from annotation.quality.kept import OF_WORKERS, keep
from annotation.quality.reading import read_work
from annotation.quality.reliability import reliability
from annotation.queue import assign

MAX_WORDS = 10_000
RANKED = ("rank", "compare")


def note(found: Iterable[Doubt]) -> None:
    """Store doubts; one of the same task and reason takes the place of the one before."""
    Doubt.objects.bulk_create(
        found,
        update_conflicts=True,
        unique_fields=["task", "reason"],
        update_fields=["strength", "said", "submission"],
    )


def find_doubts(project: Project) -> int:
    """Look through all rankings that count and note what is doubtful; returns how many tasks.

    What no longer is, and that nobody has begun to review, is forgotten; what training noted
    stays as long as the answer that it noted counts.
    """
    work = read_work(project).trusted()
    found = doubts(work, reliability(work))
    with transaction.atomic():
        mine = Doubt.objects.filter(task__project=project, task__review__isnull=True)
        stale = mine.exclude(reason=Doubt.Reason.CONTRADICTED)
        kept = {(each.task_id, each.reason) for each in found}
        gone = [
            pk for pk, *of in stale.values_list("pk", "task_id", "reason") if tuple(of) not in kept
        ]
        Doubt.objects.filter(pk__in=gone).delete()
        noted = mine.filter(reason=Doubt.Reason.CONTRADICTED, submission__isnull=False)
        counting = Submission.objects.counted().trusted().filter(pk=OuterRef("submission"))
        noted.filter(~Exists(counting)).delete()
        note(found)
    return len({each.task_id for each in found})


def keep_doubts(project: Project) -> int:
    """``find_doubts`` where something has changed, and not too often."""
    found = keep(project, "doubts", lambda: find_doubts(project), patience=OF_WORKERS)
    return found.value


def waiting(project: Project, reason: str = "") -> QuerySet[Task]:
    """Tasks that are doubted and that nobody reviews, the most doubtful first: ``doubt`` is the
    sum of their doubts' strengths."""
    tasks = (
        Task.objects.visible()
        .filter(_free(), project=project, held=False, kind__in=RANKED, doubts__isnull=False)
        .exclude(purpose=Task.Purpose.REVIEW)
    )
    if reason:
        asked = Doubt.objects.filter(task=OuterRef("pk"), reason=reason)
        tasks = tasks.filter(Exists(asked))
    return tasks.annotate(doubt=Sum("doubts__strength")).order_by("-doubt", "pk")


def _free() -> Q:
    """Nobody reviews it, or whoever did went away without an answer that counts."""
    held = Assignment.objects.filter(
        task=OuterRef("review__answer_task"), state=Assignment.State.OPEN
    )
    said = Submission.objects.counted().filter(task=OuterRef("review__answer_task"))
    left = ~Exists(held) & ~Exists(said)
    return Q(review__isnull=True) | Q(left, review__closed_at__isnull=True)


def not_by(tasks: QuerySet[Task], reviewer: Annotator) -> QuerySet[Task]:
    """Those that this person has not judged, under whatever number: the first completion stands
    for all of a task."""
    alike = TaskCompletion.objects.filter(
        completion__slots__task=OuterRef("pk"),
        completion__slots__slot=0,
        task__submissions__annotator=reviewer,
    )
    return tasks.filter(~Exists(alike))


def begin(task: Task, reviewer: Annotator) -> Assignment:
    """Give the completions of a doubted task to this person, to rank blind.

    Raises Conflict when they judged it, hold another task, are paused or have to qualify first,
    when another reviews it, or when it is itself a review or a response of it is held back.
    """
    with transaction.atomic():
        project = lock(task.project)
        reviewer = lock_annotator(reviewer)
        if task.purpose == Task.Purpose.REVIEW:
            raise Conflict(gettext("This is a review itself, and is not reviewed once more."))
        same = Task.objects.over_choice_of(task)
        if Submission.objects.filter(task__in=same, annotator=reviewer).exists():
            raise Conflict(
                gettext("You have judged this task yourself. Somebody else has to review it.")
            )
        if not Task.objects.filter(_free(), pk=task.pk).exists():
            raise Conflict(gettext("Somebody else is reviewing this task. Take another one."))
        # By number: whoever gave up their review before keeps their task.
        number = Task.objects.filter(project=project, key__startswith=f"review:{task.pk}:").count()
        asked = Task.objects.create(
            project=project,
            prompt_id=task.prompt_id,
            kind=task.kind,
            k=task.k,
            purpose=Task.Purpose.REVIEW,
            reserved_for=reviewer,
            key=f"review:{task.pk}:{number + 1}",
        )
        copy_slots(asked, task.pk)
        # What the reviewer before was asked is given to nobody any more.
        Task.objects.filter(review_of__task=task).update(withdrawn=True)
        Review.objects.update_or_create(
            task=task, defaults={"reviewer": reviewer, "answer_task": asked}
        )
        asked.refresh_from_db(fields=["held"])
        return assign(asked, reviewer)


def answer_of(review: Review) -> Submission | None:
    """What the reviewer said; None before they did."""
    return Submission.objects.counted().filter(task=review.answer_task_id).first()


def conclude(review: Review, cause: str, words: str, *, by: User) -> None:
    """Close a review. A guideline gap is noted on the guideline.

    Raises Invalid for an unknown cause or a gap without words, Conflict when it is closed already
    or the reviewer has not ranked yet.
    """
    words = words.strip()
    _check(cause, words)
    if answer_of(review) is None:
        raise Conflict(gettext("Rank the responses first, then say what was the matter."))
    with transaction.atomic():
        closed = Review.objects.filter(pk=review.pk, closed_at=None).update(
            cause=cause, words=words, closed_at=timezone.now()
        )
        if not closed:
            raise Conflict(gettext("This review is closed already."))
        project = review.task.project
        if cause == Review.Cause.GUIDELINE:
            GuidelineNote.objects.create(project=project, review=review, text=words)
        record("review.closed", review, project=project, by=by, data={"cause": cause})


def _check(cause: str, words: str) -> None:
    if cause not in Review.Cause.values:
        known = ", ".join(Review.Cause.values)
        raise Invalid(
            gettext("cause: %(cause)r is not known. Use one of: %(known)s.")
            % {"cause": cause, "known": known}
        )
    if cause == Review.Cause.GUIDELINE and not words:
        raise Invalid(gettext("words: say what the guideline leaves open, for those who write it."))
    if len(words) > MAX_WORDS:
        raise Invalid(
            gettext("words: longer than %(most)s characters. Shorten them.")
            % {"most": f"{MAX_WORDS:,}"}
        )
    check_storable("words:", words)


def close_note(note: GuidelineNote, *, by: User) -> None:
    """Say that the guideline has been seen to. Raises Conflict when somebody has said so."""
    with transaction.atomic():
        closed = GuidelineNote.objects.filter(pk=note.pk, closed_at=None).update(
            closed_at=timezone.now(), closed_by=by
        )
        if not closed:
            raise Conflict(gettext("This note is closed already."))
        record("guideline.note.closed", note, project=note.project, by=by)


def is_blind(task: Task, annotator: Annotator | None) -> bool:
    """Whether this person, who may not read everything, must not see what people said of a task.

    Shown is what they judged themselves and no longer have in hand, and what a closed review has
    settled and nobody can give them any more; a task under another number with the same
    completions, such as gold, counts as the same.
    """
    same = Task.objects.over_choice_of(task)
    mine = Q(reserved_for=None)
    if annotator is not None:
        had = Assignment.objects.filter(annotator=annotator, task__in=same)
        if had.filter(state=Assignment.State.OPEN).exists():
            return True
        if Submission.objects.filter(assignment__in=had, sealed=True).exists():
            return False
        mine |= Q(reserved_for=annotator)
    if same.open().filter(mine).exists():
        return True
    return not Review.objects.filter(task__in=same, closed_at__isnull=False).exists()

"""Work for people: a frozen choice of completions, and who holds it."""

from django.db import models
from django.db.models import Exists, F, OuterRef, Q
from django.utils.translation import gettext_lazy

from annotation.models.datasets import Import, ImportedQuerySet
from annotation.models.guidelines import GuidelineVersion
from annotation.models.people import Annotator
from annotation.models.projects import Project
from annotation.models.prompts import Completion, Prompt


class TaskKind(models.TextChoices):
    RANK = "rank", gettext_lazy("Rank")
    COMPARE = "compare", gettext_lazy("Compare")
    THUMBS = "thumbs", gettext_lazy("Thumbs")
    WRITE = "write", gettext_lazy("Write")


# The least and the greatest number of completions that a task of each kind shows.
COMPLETIONS_BY_KIND = {
    TaskKind.RANK: (2, 9),
    TaskKind.COMPARE: (2, 2),
    TaskKind.THUMBS: (1, 1),
    TaskKind.WRITE: (0, 1),
}


def _k_fits_kind() -> Q:
    fits = Q()
    for kind, (least, greatest) in COMPLETIONS_BY_KIND.items():
        fits |= Q(kind=kind.value, k__gte=least, k__lte=greatest)
    return fits


class TaskQuerySet(ImportedQuerySet["Task"]):
    def open(self) -> "TaskQuerySet":
        """Tasks that still want people, and that people may be given."""
        return self.unfilled().filter(held=False)

    def unfilled(self) -> "TaskQuerySet":
        """The same, with those of which a response is held back."""
        return self.filter(withdrawn=False, taken__lt=F("wanted"))

    def over_choice_of(self, task: "Task") -> "TaskQuerySet":
        """Tasks that show the very completions of this one, itself among them: gold made of it,
        repeats, reviews, what asks it again."""
        shown = TaskCompletion.objects.filter(task=task).values("completion")
        others = TaskCompletion.objects.filter(task=OuterRef("pk")).exclude(completion__in=shown)
        return self.filter(
            ~Exists(others), project=task.project_id, prompt=task.prompt_id, k=task.k
        )

    def offered(self) -> "TaskQuerySet":
        """Tasks that whoever comes next may get: not gold, not what is reserved for somebody."""
        return self.exclude(purpose__in=(Task.Purpose.GOLD, *Task.RESERVED))


class Task(models.Model):
    """A question put to ``wanted`` people: K completions of one prompt, frozen.

    ``taken`` counts the reserved, the open and the submitted assignments. Only the database's own
    triggers write it (``annotation.guards``), and its CHECK makes over-assignment impossible.
    ``returned`` says that it opened again after it had been full or withdrawn, so that people who
    had passed it in the queue look at it again; the database sets it too.

    ``held`` says that one of its completions is held back or refused, so that nobody is given the
    task; the database sets it as well.

    ``reference`` is the ranking of the same completions that answers are held against: the known
    answer of a gold task, one's own first answer in a repeat. Repeats, reviews and the turns of a
    dialogue are ``reserved_for`` one person.
    """

    class Purpose(models.TextChoices):
        NORMAL = "normal"
        GOLD = "gold"
        REPEAT = "repeat"
        REVIEW = "review"
        ARENA = "arena"
        DIALOGUE = "dialogue"

    # What is put among a person's work by rule (annotation.placement).
    PLACED = (Purpose.GOLD, Purpose.REPEAT)
    # What only one person may get.
    RESERVED = (Purpose.REPEAT, Purpose.REVIEW, Purpose.DIALOGUE)

    project = models.ForeignKey(Project, models.PROTECT, related_name="tasks")
    prompt = models.ForeignKey(Prompt, models.PROTECT, related_name="tasks")
    kind = models.CharField(max_length=8, choices=TaskKind, default=TaskKind.RANK)
    purpose = models.CharField(max_length=8, choices=Purpose, default=Purpose.NORMAL)
    k = models.PositiveSmallIntegerField()
    wanted = models.PositiveSmallIntegerField(default=1)
    taken = models.PositiveSmallIntegerField(default=0, editable=False)
    priority = models.FloatField(default=0.0, help_text="The higher, the sooner.")
    queue_order = models.GeneratedField(
        expression=F("priority") * -1.0, output_field=models.FloatField(), db_persist=True
    )
    returned = models.BooleanField(default=False, editable=False)
    withdrawn = models.BooleanField(default=False)
    held = models.BooleanField(default=False, editable=False)
    reference = models.ForeignKey(
        "annotation.Submission",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="references",
        db_index=False,
    )
    reserved_for = models.ForeignKey(
        Annotator,
        models.PROTECT,
        null=True,
        blank=True,
        related_name="reserved_tasks",
        db_index=False,
    )
    asks_again = models.OneToOneField(
        "self",
        models.PROTECT,
        null=True,
        blank=True,
        related_name="asked_again",
        help_text="The task that this one puts once more, under a newer guideline.",
    )
    key = models.CharField(
        max_length=200, null=True, blank=True, help_text="Names the cause: made twice, made once."
    )
    batch = models.ForeignKey(Import, models.PROTECT, null=True, blank=True, related_name="tasks")
    created_at = models.DateTimeField(auto_now_add=True)
    completions = models.ManyToManyField(Completion, through="TaskCompletion", related_name="tasks")

    objects = TaskQuerySet.as_manager()

    class Meta:
        constraints = [
            models.CheckConstraint(condition=_k_fits_kind(), name="task_k_fits_kind"),
            models.CheckConstraint(condition=Q(wanted__gte=1), name="task_wanted"),
            models.CheckConstraint(
                condition=Q(taken__gte=0, taken__lte=F("wanted")), name="task_taken_within_wanted"
            ),
            models.CheckConstraint(
                condition=Q(
                    purpose__in=["normal", "gold", "repeat", "review", "arena", "dialogue"]
                ),
                name="task_purpose",
            ),
            models.CheckConstraint(
                condition=Q(purpose__in=["gold", "repeat"], reference__isnull=False)
                | (~Q(purpose__in=["gold", "repeat"]) & Q(reference__isnull=True)),
                name="task_reference",
            ),
            models.CheckConstraint(
                condition=Q(
                    purpose__in=["repeat", "review", "dialogue"], reserved_for__isnull=False
                )
                | (~Q(purpose__in=["repeat", "review", "dialogue"]) & Q(reserved_for__isnull=True)),
                name="task_reserved",
            ),
            models.UniqueConstraint(
                fields=["reference"], condition=Q(purpose="repeat"), name="task_repeats_once"
            ),
            models.UniqueConstraint(fields=["project", "key"], name="task_key_once"),
        ]
        indexes = [
            # The queue reads these two and nothing else: priority first, then oldest.
            models.Index(
                fields=["project", "queue_order", "id"],
                name="task_queue",
                condition=Q(withdrawn=False, held=False, taken__lt=F("wanted")),
            ),
            models.Index(
                fields=["project", "queue_order", "id"],
                name="task_queue_returned",
                condition=Q(withdrawn=False, held=False, returned=True, taken__lt=F("wanted")),
            ),
            # Few tasks have these, so that the others need not pay for it.
            models.Index(
                fields=["reference"],
                name="task_of_reference",
                condition=Q(reference__isnull=False),
            ),
            models.Index(
                fields=["reserved_for", "prompt"],
                name="task_of_reserved_for_prompt",
                condition=Q(reserved_for__isnull=False),
            ),
            # Most are rankings; the explorer asks for the others.
            models.Index(
                fields=["project", "kind"], name="task_of_other_kind", condition=~Q(kind="rank")
            ),
            # Gold is chosen among all that a project has.
            models.Index(fields=["project"], name="task_gold", condition=Q(purpose="gold")),
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.pk}"


class TaskCompletion(models.Model):
    """A completion in its slot. Frozen once anyone has been given the task."""

    task = models.ForeignKey(Task, models.CASCADE, related_name="slots")
    completion = models.ForeignKey(Completion, models.PROTECT, related_name="slots")
    slot = models.PositiveSmallIntegerField()

    class Meta:
        ordering = ["task", "slot"]
        constraints = [
            models.UniqueConstraint(fields=["task", "slot"], name="slot_once"),
            models.UniqueConstraint(fields=["task", "completion"], name="slot_completion_once"),
        ]


class AssignmentQuerySet(models.QuerySet["Assignment"]):
    def given(self) -> "AssignmentQuerySet":
        """What people have been given, without what is only reserved."""
        return self.exclude(state=Assignment.State.RESERVED)


class Assignment(models.Model):
    """One person's hold on one task: a lease while open, a fact once submitted.

    Before that it may be ``reserved`` for a moment (``annotation.reserving``): a place, but no
    work yet. ``draft`` is unfinished work: an answer, or once submitted a change of it.
    """

    class State(models.TextChoices):
        RESERVED = "reserved"
        OPEN = "open"
        SUBMITTED = "submitted"
        SKIPPED = "skipped"
        RELEASED = "released"
        EXPIRED = "expired"

    class SkipReason(models.TextChoices):
        UNCLEAR = "unclear", gettext_lazy("The prompt is unclear")
        LANGUAGE = "language", gettext_lazy("I do not know the language")
        EXPERTISE = "expertise", gettext_lazy("I do not know the subject well enough")
        HARMFUL = "harmful", gettext_lazy("The content is disturbing")
        BROKEN = "broken", gettext_lazy("Something is wrong with the task")
        OTHER = "other", gettext_lazy("Something else")

    task = models.ForeignKey(Task, models.PROTECT, related_name="assignments")
    annotator = models.ForeignKey(Annotator, models.PROTECT, related_name="assignments")
    state = models.CharField(max_length=9, choices=State, default=State.OPEN)
    guideline = models.ForeignKey(
        GuidelineVersion, models.PROTECT, null=True, blank=True, related_name="+"
    )
    order = models.JSONField(default=list, help_text="Completion ids as shown, first to last.")
    claimed_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    skip_reason = models.CharField(max_length=10, choices=SkipReason, blank=True)
    skip_comment = models.TextField(blank=True)
    draft = models.JSONField(null=True, blank=True)
    draft_saved_at = models.DateTimeField(null=True, blank=True)

    objects = AssignmentQuerySet.as_manager()

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["task", "annotator"], name="assignment_once"),
            models.UniqueConstraint(
                fields=["annotator"], condition=Q(state="open"), name="assignment_one_open"
            ),
            models.UniqueConstraint(
                fields=["annotator"], condition=Q(state="reserved"), name="assignment_one_reserved"
            ),
            models.CheckConstraint(
                condition=Q(
                    state__in=["reserved", "open", "submitted", "skipped", "released", "expired"]
                ),
                name="assignment_state",
            ),
            models.CheckConstraint(
                condition=~Q(state="skipped") | ~Q(skip_reason=""), name="assignment_skip_reason"
            ),
        ]
        indexes = [
            models.Index(fields=["state", "expires_at"], name="assignment_expiry"),
            models.Index(fields=["annotator", "state"], name="assignment_of_annotator"),
        ]

    def __str__(self) -> str:
        return f"{self.annotator} on {self.task} ({self.state})"

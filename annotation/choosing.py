"""Which submissions a snapshot takes: filters that can be written down and applied again."""

import json
from dataclasses import dataclass, field, fields
from datetime import datetime
from typing import Any

from django.db import connection
from django.db.models import Count, Exists, OuterRef, Q, QuerySet, TextField
from django.db.models.functions import Cast
from django.utils.translation import gettext

from annotation.errors import Invalid
from annotation.models import Pair, Project, Submission, TaskCompletion, TaskKind
from annotation.pairs import Ties
from annotation.quality.reports import annotators_report

RANKINGS = (TaskKind.COMPARE.value, TaskKind.RANK.value)


@dataclass(frozen=True)
class Choice:
    """All submissions that count, of these ``kinds`` of tasks; each further filter takes fewer.

    ``since`` and ``until`` (not included) are times; ``guidelines`` labels of versions;
    ``annotators`` kinds of annotators; ``origins`` ways in which answers came; ``sources`` names
    of models, of which one at least has written a completion; ``labels`` marks that some
    completion was given. ``minimum_agreement`` and ``minimum_accuracy`` hold for people
    (``annotation.quality``, from 0 to 1): who has no such figure is left out. ``ties`` says what
    exports of pairs do with tied ones. ``consensus``: what is chosen goes out as one ranking for
    each task, the one that its people agree on best.
    """

    kinds: tuple[str, ...] = RANKINGS
    since: datetime | None = None
    until: datetime | None = None
    guidelines: tuple[str, ...] = ()
    annotators: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    sources: tuple[str, ...] = ()
    labels: tuple[str, ...] = ()
    minimum_agreement: float | None = None
    minimum_accuracy: float | None = None
    ties: Ties = Ties.DROP
    consensus: bool = False

    def as_dict(self) -> dict[str, Any]:
        """What is said, as JSON."""
        said = {each.name: getattr(self, each.name) for each in fields(self)}
        return {name: _plain(value) for name, value in said.items() if not _is_unsaid(value)}

    def apply(self, project: Project) -> QuerySet[Submission]:
        """What is chosen now."""
        wanted = {
            "task__kind__in": self.kinds,
            "created_at__gte": self.since,
            "created_at__lt": self.until,
            "guideline__label__in": self.guidelines,
            "annotator__kind__in": self.annotators,
            "origin__in": self.origins,
        }
        found = (
            Submission.objects.new_judgements()
            .filter(project=project)
            .filter(**{name: value for name, value in wanted.items() if value})
        )
        if self.sources:
            slots = TaskCompletion.objects.filter(
                task=OuterRef("task"), completion__source__name__in=self.sources
            )
            found = found.filter(Exists(slots))
        if self.labels:
            found = found.alias(marks=Cast("labels", TextField())).filter(_marked(self.labels))
        reliable = self._reliable(project)
        return found if reliable is None else found.filter(annotator__pseudonym__in=reliable)

    def _reliable(self, project: Project) -> list[str] | None:
        """The pseudonyms of those whose figures are as good as is asked for; None: anybody's."""
        asked = {"agreement": self.minimum_agreement, "accuracy": self.minimum_accuracy}
        least = {name: value for name, value in asked.items() if value is not None}
        if not least:
            return None
        people = annotators_report(project)
        return [
            person.pseudonym
            for person in people
            if all(_reaches(person.figures[name].value, value) for name, value in least.items())
        ]


def _reaches(value: float | None, least: float) -> bool:
    return value is not None and value >= least


ALL = Choice()


def _is_unsaid(value: Any) -> bool:
    return value is None or value is False or value == ()


def _plain(value: Any) -> Any:
    if isinstance(value, datetime):
        return value.isoformat()
    if isinstance(value, Ties):
        return value.value
    return sorted(value) if isinstance(value, tuple) else value


def _marked(labels: tuple[str, ...]) -> Q:
    """Labels stand in lists by completion; an item of a list follows a bracket or a comma."""
    ascii_only = connection.vendor != "postgresql"
    found = Q()
    for label in labels:
        item = json.dumps(label, ensure_ascii=ascii_only)
        found |= Q(marks__contains=f"[{item}") | Q(marks__contains=f", {item}")
    return found


@dataclass(frozen=True)
class Counts:
    """How much a list of submissions holds."""

    submissions: int
    annotators: int
    prompts: int
    pairs: int
    splits: dict[str, int] = field(default_factory=dict)
    kinds: dict[str, int] = field(default_factory=dict)
    guidelines: dict[str, int] = field(default_factory=dict)


def count(submissions: QuerySet[Submission]) -> Counts:
    """Counted in five statements."""
    totals = submissions.aggregate(
        submissions=Count("pk"),
        annotators=Count("annotator", distinct=True),
        prompts=Count("task__prompt", distinct=True),
    )
    return Counts(
        **totals,
        pairs=Pair.objects.filter(ranking__submission__in=submissions.values("pk")).count(),
        splits=_by(submissions, "task__prompt__split"),
        kinds=_by(submissions, "annotator__kind"),
        guidelines=_by(submissions, "guideline__label"),
    )


def _by(submissions: QuerySet[Submission], column: str) -> dict[str, int]:
    rows = submissions.order_by().values_list(column).annotate(count=Count("pk"))
    return {str(value or ""): number for value, number in sorted(rows, key=lambda row: str(row[0]))}


def check(choice: Choice) -> Choice:
    """Raises Invalid, naming what cannot be."""
    if choice.since and choice.until and choice.since >= choice.until:
        raise Invalid(gettext("until: must be later than since."))
    if choice.consensus and not set(choice.kinds) <= set(RANKINGS):
        raise Invalid(
            gettext(
                "consensus: only rankings and comparisons have one. Choose no other kinds of tasks."
            )
        )
    return choice

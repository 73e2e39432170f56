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
from annotation.models import Pair, Project, Source, Submission, TaskCompletion, TaskKind
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

    def narrows(self) -> bool:
        """Whether it takes less than all answers of its kinds."""
        return bool(self.as_dict().keys() - {"kinds", "ties", "consensus"})

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


def check(choice: Choice, project: Project | None = None) -> Choice:
    """Raises Invalid, naming what cannot be, or what the project knows nothing of."""
    if choice.since and choice.until and choice.since >= choice.until:
        raise Invalid(gettext("until: must be later than since."))
    if choice.consensus and not set(choice.kinds) <= set(RANKINGS):
        raise Invalid(
            gettext(
                "consensus: only rankings and comparisons have one. Choose no other kinds of tasks."
            )
        )
    if project is not None:
        _check_known(choice, project)
    return choice


def _check_known(choice: Choice, project: Project) -> None:
    """A name that was mistyped would leave out answers that were asked for. Raises Invalid."""
    known = {
        "guidelines": project.guidelines.filter(label__in=choice.guidelines).values_list("label"),
        "sources": Source.objects.filter(project=project, name__in=choice.sources).values_list(
            "name"
        ),
    }
    for name, found in known.items():
        unknown = set(getattr(choice, name)) - {each for (each,) in found}
        if unknown:
            raise Invalid(
                gettext("%(field)s: there is none here called %(name)s. Name one that there is.")
                % {"field": name, "name": min(unknown)}
            )
    for label in choice.labels:
        if label not in project.labels and not _is_marked(project, label):
            raise Invalid(
                gettext("labels: no answer here is marked %(label)s. Name a mark that there is.")
                % {"label": label}
            )


def _is_marked(project: Project, label: str) -> bool:
    everything = Choice(kinds=tuple(TaskKind.values), labels=(label,))
    return everything.apply(project).exists()

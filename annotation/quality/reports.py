"""The figures of a project, as command, API and page show them."""

from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any

import numpy as np
from django.db.models import QuerySet

from annotation.models import Annotator, Project, Submission, Task
from annotation.quality.across import Kinds, by_kinds
from annotation.quality.agreement import Labels, agreement, label_agreement
from annotation.quality.figures import Figure
from annotation.quality.groups import Trait, by_traits
from annotation.quality.kept import Kept, keep
from annotation.quality.labels import Marks
from annotation.quality.marks import label_marks, unacceptable_marks
from annotation.quality.partly import (
    Category,
    Period,
    Two,
    Version,
    by_category,
    by_guideline,
    by_pairs,
    over_time,
    with_kappas,
)
from annotation.quality.reading import (
    ALL,
    KINDS,
    Filters,
    by_content,
    counted,
    read_categories,
    read_submissions,
    read_work,
    thumb_labels,
    unacceptable_labels,
)
from annotation.quality.reliability import (
    OVERALL_FIGURES,
    Person,
    overall,
    reliability,
    repeated,
)
from annotation.quality.weeks import Week, by_weeks
from annotation.quality.work import NORMAL, Work

MOST_PAIRS = 1_000


@dataclass(frozen=True)
class Agreed:
    """How far people agree, on normal tasks: gold is chosen to be clear, and repeats are by one
    person. ``own_labels`` are those that the project lets people mark, by name."""

    rankings: int
    questions: int
    shared_questions: int
    annotators: int
    figures: dict[str, Figure]
    labels: dict[str, dict[str, Figure]]
    own_labels: dict[str, dict[str, Figure]]


@dataclass(frozen=True)
class Measured(Agreed):
    """And who they are: ``people`` stand with those first who are flagged, then by how much they
    did."""

    people: list[Person]
    over_time: list[Period]
    pairs: list[Two]
    versions: list[Version]
    categories: list[Category]
    kinds: list[Kinds]
    weeks: dict[str, list[Week]]
    traits: list[Trait]


def measured(
    project: Project, filters: Filters = ALL, *, patience: float | None = None
) -> Kept[Measured]:
    """What ``measure`` gives, now or not long ago."""
    # By its fields too: what was kept before an update may lack one.
    shape = ",".join([*Measured.__dataclass_fields__, *OVERALL_FIGURES])
    name = f"measured:{shape}:{filters}"
    return keep(project, name, lambda: measure(project, filters), patience=patience)


def vote_weights(project: Project) -> dict[str, float]:
    """How much each one's vote should count by how reliable they are, by pseudonym; 1 is that of
    the median annotator. Those of whom nothing is known are left out."""
    found = {
        person.pseudonym: person.figures["weight"] for person in measured(project).value.people
    }
    return {name: weight.value for name, weight in found.items() if weight.value is not None}


def measure(project: Project, filters: Filters = ALL) -> Measured:
    work = read_work(project, filters)
    return _measured(project, filters, work)


def _people(work: Work) -> list[Person]:
    """Everybody, excluded people last: they are compared with the others, never others with
    them."""
    people = sorted(reliability(work.trusted()), key=lambda person: not person.flags)
    if work.excluded:
        aside = {work.pseudonyms[number] for number in work.excluded}
        people += [person for person in reliability(work) if person.pseudonym in aside]
    return people


def _measured(project: Project, filters: Filters, everybody: Work) -> Measured:
    work = everybody.trusted()
    given = counted(project, filters).trusted().filter(task__purpose=Task.Purpose.NORMAL)
    marks = label_marks(project, given, work)
    return Measured(
        **vars(_agreed(work, thumb_labels(given), marks)),
        people=_people(everybody),
        over_time=over_time(work),
        pairs=with_kappas(by_pairs(work), work, unacceptable_marks(work), marks),
        versions=by_guideline(work),
        categories=by_category(work, read_categories(project)),
        kinds=by_kinds(work),
        weeks={**by_weeks(everybody), **by_weeks(work)},
        traits=by_traits(project, work),
    )


def _agreed(work: Work, thumbs: Labels, marks: dict[str, Marks]) -> Agreed:
    normal = work.of_purpose(NORMAL)
    return Agreed(
        rankings=len(normal),
        questions=sum(len(block.asked) for block in normal.blocks),
        shared_questions=sum(len(block.asked) for block in normal.shared().blocks),
        annotators=len(np.unique(work.annotator[work.purpose == NORMAL])),
        figures={**agreement(normal, place=partial(by_content, work)), **overall(work)},
        labels={
            "unacceptable": label_agreement(unacceptable_labels(work)),
            "thumbs": label_agreement(thumbs),
        },
        own_labels={name: label_agreement(each.labels()) for name, each in marks.items()},
    )


def agreement_report(
    project: Project, filters: Filters = ALL, *, for_manager: bool = False
) -> dict[str, Any]:
    """What is measured, people aside, as plain values. What is known by the groups that people
    count themselves among goes to managers alone, as they agreed to (templates/about_me.html); to
    others it is None."""
    found = measured(project, filters).value
    by_group = _by_group(found) if for_manager else {"groups": None, "warnings": None}
    return {"project": project.slug, **_as_plain(found), **_parts(project, found), **by_group}


def agreement_of(project: Project, submissions: QuerySet[Submission]) -> dict[str, Any]:
    """The same, parts aside, of exactly these submissions, whatever has become of them since, or
    of the people who gave them; and of the repeats of them that count now, which alone say how
    people agree with themselves. Answers to gold tasks are none of them."""
    work = read_submissions(project, submissions.filter(task__kind__in=KINDS))
    given = submissions.filter(task__purpose=Task.Purpose.NORMAL)
    found = _agreed(work, thumb_labels(given), label_marks(project, given, work))
    del found.figures["gold"]
    found.figures.update(repeated(_repeats_of(project, submissions)))
    return {"project": project.slug, **_as_plain(found)}


def _repeats_of(project: Project, submissions: QuerySet[Submission]) -> Work:
    of_repeats = Submission.objects.counted().filter(
        project=project, task__purpose=Task.Purpose.REPEAT, task__kind__in=KINDS
    )
    found = of_repeats.filter(task__reference__in=submissions.order_by().values("pk"))
    # By their ids, which are few: a query in a query in a query makes PostgreSQL loop in loops.
    ids = list(found.values_list("pk", flat=True))
    return read_submissions(project, Submission.objects.filter(pk__in=ids))


def _as_plain(found: Agreed) -> dict[str, Any]:
    return {
        "rankings": found.rankings,
        "questions": found.questions,
        "shared_questions": found.shared_questions,
        "annotators": found.annotators,
        "figures": _as_dicts(found.figures),
        "labels": {of: _as_dicts(figures) for of, figures in found.labels.items()},
        "own_labels": {name: _as_dicts(figures) for name, figures in found.own_labels.items()},
    }


def _parts(project: Project, found: Measured) -> dict[str, Any]:
    """Agreement of parts. Of pairs of annotators, those who met at most questions."""
    labels = dict(project.guidelines.values_list("pk", "label"))
    return {
        "over_time": [_as_row(each) for each in found.over_time],
        "versions": [
            {**_as_row(each), "guideline": labels.get(each.guideline, "")}
            for each in found.versions
        ],
        "categories": [_as_row(each) for each in found.categories],
        "kinds": [_as_row(each) for each in found.kinds],
        "pairs": [_as_row(each) for each in found.pairs[:MOST_PAIRS]],
    }


def _by_group(found: Measured) -> dict[str, Any]:
    return {
        "groups": [
            {"trait": trait.name, **_as_row(group)}
            for trait in found.traits
            for group in trait.groups
        ],
        "warnings": [trait.warning for trait in found.traits if trait.warning],
    }


def _as_row(part: Any) -> dict[str, Any]:
    """A dataclass of plain values, moments and figures."""
    return {name: _as_value(value) for name, value in vars(part).items()}


def _as_value(value: Any) -> Any:
    if isinstance(value, Figure):
        return value.as_dict()
    if isinstance(value, dict):
        return _as_dicts(value)
    return value.isoformat() if isinstance(value, datetime) else value


def _as_dicts(figures: dict[str, Figure]) -> dict[str, dict[str, Any]]:
    return {name: figure.as_dict() for name, figure in figures.items()}


def annotators_report(project: Project, filters: Filters = ALL) -> list[Person]:
    """The people of ``Measured``."""
    return measured(project, filters).value.people


def people_report(project: Project, filters: Filters = ALL) -> list[dict[str, Any]]:
    """The same with each one's standing, as JSON."""
    rows = Annotator.objects.filter(project=project).values(
        *("pseudonym", "id", "paused", "excluded", "weight")
    )
    standings = {row.pop("pseudonym"): row for row in rows}
    people = annotators_report(project, filters)
    return [{**standings[person.pseudonym], **person.as_dict()} for person in people]

"""The figures of a project, as command, API and page show them."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from annotation.models import Annotator, Project
from annotation.quality.agreement import agreement, label_agreement
from annotation.quality.figures import Figure
from annotation.quality.groups import Trait, by_traits
from annotation.quality.kept import Kept, keep
from annotation.quality.partly import Period, Two, Version, by_guideline, by_pairs, over_time
from annotation.quality.reading import (
    ALL,
    Filters,
    read_work,
    thumb_labels,
    unacceptable_labels,
)
from annotation.quality.reliability import Person, overall, reliability
from annotation.quality.work import NORMAL, Work


@dataclass(frozen=True)
class Measured:
    """How far people agree, on normal tasks: gold is chosen to be clear, and repeats are by one
    person. ``people`` stand with those first who are flagged, then by how much they did."""

    rankings: int
    questions: int
    shared_questions: int
    annotators: int
    figures: dict[str, Figure]
    labels: dict[str, dict[str, Figure]]
    people: list[Person]
    over_time: list[Period]
    pairs: list[Two]
    versions: list[Version]
    traits: list[Trait]


def measured(
    project: Project, filters: Filters = ALL, *, patience: float | None = None
) -> Kept[Measured]:
    """What ``measure`` gives, now or not long ago."""
    name = f"measured:{filters}"
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
    return _measured(project, filters, work.trusted(), _people(work))


def _people(work: Work) -> list[Person]:
    """Everybody, excluded people last: they are compared with the others, never others with
    them."""
    people = sorted(reliability(work.trusted()), key=lambda person: not person.flags)
    if work.excluded:
        aside = {work.pseudonyms[number] for number in work.excluded}
        people += [person for person in reliability(work) if person.pseudonym in aside]
    return people


def _measured(project: Project, filters: Filters, work: Work, people: list[Person]) -> Measured:
    normal = work.of_purpose(NORMAL)
    return Measured(
        rankings=len(normal),
        questions=sum(len(block.asked) for block in normal.blocks),
        shared_questions=sum(len(block.asked) for block in normal.shared().blocks),
        annotators=len(np.unique(work.annotator[work.purpose == NORMAL])),
        figures={**agreement(normal), **overall(work)},
        labels={
            "unacceptable": label_agreement(unacceptable_labels(work)),
            "thumbs": label_agreement(thumb_labels(project, filters)),
        },
        people=people,
        over_time=over_time(work),
        pairs=by_pairs(work),
        versions=by_guideline(work),
        traits=by_traits(project, work),
    )


def agreement_report(project: Project, filters: Filters = ALL) -> dict[str, Any]:
    """What is measured, people aside, as JSON."""
    found = measured(project, filters).value
    return {
        "project": project.slug,
        "rankings": found.rankings,
        "questions": found.questions,
        "shared_questions": found.shared_questions,
        "annotators": found.annotators,
        "figures": _as_dicts(found.figures),
        "labels": {of: _as_dicts(figures) for of, figures in found.labels.items()},
    }


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

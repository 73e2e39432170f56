"""What sets a file of prompts and a file of rankings apart."""

from abc import ABC, abstractmethod
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.importing import tables
from annotation.importing.comparisons import COMPARISON_FIELDS, SIDES, parse_comparison_row
from annotation.importing.fields import shown
from annotation.importing.files import Line, RowFile
from annotation.importing.judgements import Keyed, store_judgements
from annotation.importing.ledger import Ledger
from annotation.importing.offers import store_offers
from annotation.importing.rankings import RANKING_FIELDS, parse_ranking_row
from annotation.importing.rows import (
    PROMPT_FIELDS,
    PromptRow,
    RankingRow,
    digest_of,
    parse_prompt_row,
)
from annotation.importing.singles import SINGLE_FIELDS, parse_single_row
from annotation.importing.tables import Columns
from annotation.models import Annotator, Import, Project, Prompt, Submission
from annotation.telling import Sentence

NO_COLUMNS = Columns()
# What a row may be that was judged elsewhere, and its fields.
FORMS = {
    "ranking": RANKING_FIELDS,
    "comparison": COMPARISON_FIELDS,
    "single": SINGLE_FIELDS,
}
TWICE_THE_ID = gettext_noop(
    "id: %(id)s stands on line %(line)s as well, for another ranking. Give each ranking an id of "
    "its own."
)
KNOWN_ID = gettext_noop(
    "id: %(id)s is in the project already, for another ranking, and what is stored never changes. "
    "Give this one another id."
)
OTHER_METADATA = gettext_noop(
    "metadata: line %(line)s gives the same prompt other metadata. A prompt has one: make them "
    "alike, or leave one out."
)
KEPT_METADATA = gettext_noop(
    "metadata: the project has this prompt already, with other metadata, and it keeps that. Leave "
    "the field out."
)
OTHER_JUDGE = gettext_noop(
    "annotator: %(name)s judges in this project, and a file cannot speak in that name. Import into "
    "another project, or change the name."
)
Complaints = Iterator[tuple[int, Sentence]]


@dataclass(frozen=True)
class Parsed:
    """A row that is good by itself, and the line it stands on."""

    line: int
    row: Any

    @property
    def size(self) -> int:
        return int(self.row.size)


class Intake(ABC):
    """One pass over a file of one kind. It remembers what it has seen: take a new one each
    time, and close it."""

    kind: Import.Kind
    known: Collection[str]  # the fields that a row may have

    def __init__(self, columns: Columns = NO_COLUMNS) -> None:
        self.ledger, self.columns = Ledger(), columns

    def close(self) -> None:
        self.ledger.close()

    def read(self, file: RowFile, line: Line) -> Any:
        """A checked row. Raises Invalid."""
        if line.problem:
            raise Invalid(line.problem)
        value = self.columns.rename(line.value, self.known)
        if file.is_text:
            value = tables.from_text(value)
        return self.parse(self.from_table(value) if file.is_table else value)

    def from_table(self, row: dict[str, Any]) -> dict[str, Any]:
        return tables.whole(row)

    @abstractmethod
    def parse(self, value: Any) -> Any:
        """A checked row. Raises Invalid."""

    @abstractmethod
    def contradictions(self, batch: Sequence[Parsed]) -> Complaints:
        """Rows that do not go together with earlier ones of the file: line and complaint."""

    @abstractmethod
    def conflicts(self, project: Project, batch: Sequence[Parsed]) -> Complaints:
        """Rows that do not go together with what the project holds: line and complaint."""

    @abstractmethod
    def prepare(self, row: Any) -> Any:
        """The row as ``store`` wants it; to be called for every row in order."""

    @abstractmethod
    def store(self, run: Import, rows: Sequence[Any]) -> None:
        """Store what is not there yet; inside a transaction."""


class PromptIntake(Intake):
    kind = Import.Kind.PROMPTS
    known = PROMPT_FIELDS | tables.PARTS

    def from_table(self, row: dict[str, Any]) -> dict[str, Any]:
        """Columns that are no field are metadata."""
        if "prompt" not in row:
            raise Invalid(
                gettext_noop(
                    "prompt: no column has this name. Name it so, or map another one to it."
                )
            )
        row = super().from_table(row)
        others = {name: cell for name, cell in row.items() if name not in self.known}
        row = {name: cell for name, cell in row.items() if name in self.known}
        return row | ({"metadata": row.get("metadata", {}) | others} if others else {})

    def parse(self, value: Any) -> PromptRow:
        return parse_prompt_row(value)

    def contradictions(self, batch: Sequence[Parsed]) -> Complaints:
        return _other_metadata(self.ledger, [(each.line, each.row) for each in batch])

    def conflicts(self, project: Project, batch: Sequence[Parsed]) -> Complaints:
        return _stored_metadata(project, [(each.line, each.row) for each in batch])

    def prepare(self, row: PromptRow) -> PromptRow:
        return row

    def store(self, run: Import, rows: Sequence[PromptRow]) -> None:
        store_offers(run, rows)


class RankingIntake(Intake):
    kind = Import.Kind.RANKINGS
    known = RANKING_FIELDS | COMPARISON_FIELDS | SINGLE_FIELDS | tables.PARTS

    def parse(self, value: Any) -> RankingRow:
        if isinstance(value, dict) and not value.keys().isdisjoint(SIDES):
            return parse_comparison_row(value)
        if isinstance(value, dict) and "completion" in value:
            return parse_single_row(value)
        if isinstance(value, dict) and value.keys().isdisjoint(("completions", "ranks")):
            _refuse_strange(value)
        return parse_ranking_row(value)

    def contradictions(self, batch: Sequence[Parsed]) -> Complaints:
        yield from _other_metadata(self.ledger, [(each.line, each.row.prompt) for each in batch])
        for each in batch:
            name = each.row.external_id
            if not name:
                continue
            first, line = self.ledger.first(f"id:{name}", each.row.digest, each.line)
            if first != each.row.digest:
                yield (
                    each.line,
                    Sentence(TWICE_THE_ID, {"id": shown(name), "line": line}),
                )

    def conflicts(self, project: Project, batch: Sequence[Parsed]) -> Complaints:
        yield from _stored_metadata(project, [(each.line, each.row.prompt) for each in batch])
        yield from _stored_ids(project, batch)
        yield from _other_judges(project, batch)

    def prepare(self, row: RankingRow) -> Keyed:
        """Without an id, a ranking is told from its like by how often it has come before."""
        if row.external_id:
            return Keyed(row, f"id:{digest_of(row.external_id)}")
        return Keyed(row, f"row:{row.digest}:{self.ledger.count(row.digest)}")

    def store(self, run: Import, rows: Sequence[Keyed]) -> None:
        store_judgements(run, rows)


def _refuse_strange(row: dict[str, Any]) -> None:
    """Raises Invalid for a row of no form that has a field of none: with the fields of all."""
    every = set().union(*FORMS.values())
    strange = [name for name in row if name not in every]
    if strange:
        common = set.intersection(*map(set, FORMS.values()))
        own = {name: ", ".join(sorted(set(known) - common)) for name, known in FORMS.items()}
        raise Invalid(
            gettext_noop(
                "%(name)s: unknown field. Known of every row: %(common)s. Besides, of a ranking: "
                "%(ranking)s; of a comparison: %(comparison)s; of one answer: %(single)s."
            ),
            name=shown(strange[0]),
            common=", ".join(sorted(common)),
            **own,
        )


INTAKES: dict[str, type[Intake]] = {each.kind: each for each in (PromptIntake, RankingIntake)}


def _other_metadata(ledger: Ledger, rows: Sequence[tuple[int, PromptRow]]) -> Complaints:
    for line, row in rows:
        if not row.metadata:
            continue
        content = digest_of(row.metadata)
        first, where = ledger.first(f"metadata:{row.content_sha256}", content, line)
        if first != content:
            yield (
                line,
                Sentence(OTHER_METADATA, {"line": where}),
            )


def _stored_metadata(project: Project, rows: Sequence[tuple[int, PromptRow]]) -> Complaints:
    rows = [(line, row) for line, row in rows if row.metadata]
    stored = dict(
        Prompt.objects.visible()
        .filter(project=project, content_sha256__in={row.content_sha256 for _, row in rows})
        .values_list("content_sha256", "metadata")
    )
    for line, row in rows:
        if stored.get(row.content_sha256, row.metadata) != row.metadata:
            yield (
                line,
                Sentence(KEPT_METADATA),
            )


def _stored_ids(project: Project, batch: Sequence[Parsed]) -> Complaints:
    named = [each for each in batch if each.row.external_id]
    stored = dict(
        Submission.objects.visible()
        .filter(project=project, external_id__in={each.row.external_id for each in named})
        .values_list("external_id", "body_sha256")
    )
    for each in named:
        if stored.get(each.row.external_id, each.row.digest) != each.row.digest:
            yield (
                each.line,
                Sentence(KNOWN_ID, {"id": shown(each.row.external_id)}),
            )


def _other_judges(project: Project, batch: Sequence[Parsed]) -> Complaints:
    """Nobody speaks by a file in the name of somebody who judges here."""
    names = {each.row.annotator for each in batch} - {""}
    taken = set(
        Annotator.objects.filter(project=project, pseudonym__in=names)
        .exclude(kind=Annotator.Kind.IMPORTED)
        .values_list("pseudonym", flat=True)
    )
    for each in batch:
        if each.row.annotator in taken:
            yield (
                each.line,
                Sentence(OTHER_JUDGE, {"name": shown(each.row.annotator)}),
            )

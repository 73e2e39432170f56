"""A Hugging Face data set in a folder: Parquet by split, a card, Croissant, a manifest."""

import json
from collections.abc import Iterator
from contextlib import ExitStack
from typing import Any, cast

from annotation.errors import Invalid
from annotation.exporting.agreed import how_many, judgements
from annotation.exporting.card import SPLITS, Card, Tally
from annotation.exporting.croissant import describe
from annotation.exporting.files import Hashed
from annotation.exporting.formats.base import Format
from annotation.exporting.formats.rankings import RankingsTable
from annotation.exporting.formats.trl import TrlConversational
from annotation.exporting.manifest import File, Manifest
from annotation.exporting.reading import Selection
from annotation.exporting.targets import Target
from annotation.exporting.writers import Writer
from annotation.exporting.writers.parquet import Parquet
from annotation.models import GuidelineVersion
from annotation.models.datasets import FIRST_EDITION
from annotation.pairs import Ties
from annotation.progress import Report
from annotation.quality.reports import agreement_report

MANIFEST = "manifest.json"
FIRST = "preferences/train.parquet"  # the largest, as a rule
LABELS = "guidelines/labels.json"  # which file has the text of which version
TABLES: dict[str, type[Format]] = {"preferences": TrlConversational, "rankings": RankingsTable}


class Tables:
    """The Parquet files, each of which begins with its first row."""

    def __init__(self, target: Target, ties: Ties, stack: ExitStack, *, consensus: bool) -> None:
        self.target, self.stack = target, stack
        self.formats = {name: made(ties, consensus=consensus) for name, made in TABLES.items()}
        self.rows = {name: dict.fromkeys(SPLITS, 0) for name in TABLES}
        self._open: dict[str, tuple[Hashed, Writer, str, str]] = {}

    def add(self, judgement: Any) -> None:
        for name, format in self.formats.items():
            for row in format.rows(judgement):
                self._writer(name, row["split"]).write(row)
                self.rows[name][row["split"]] += 1

    def _writer(self, name: str, split: str) -> Writer:
        path = f"{name}/{split}.parquet"
        if path not in self._open:
            file = self.stack.enter_context(self.target.open(path))
            writer = Parquet(cast(Any, file), self.formats[name].columns)
            self._open[path] = file, writer, name, split
        return self._open[path][1]

    def close(self) -> Iterator[tuple[File, dict[str, str]]]:
        """Each file with its columns."""
        for path in sorted(self._open):
            file, writer, name, split = self._open[path]
            writer.close()
            made = File(path, file.sha256, file.bytes, self.rows[name][split])
            yield made, self.formats[name].columns


def write_folder(
    target: Target,
    selection: Selection,
    ties: Ties,
    manifest: Manifest,
    report: Report,
) -> Iterator[None]:
    """Fill the empty ``target``, a little at each step; its manifest comes last. Raises Invalid
    when nothing goes out."""
    tally, total = Tally(), how_many(selection)
    if not total:
        raise Invalid("project: there are no rankings to export. Rank or import some first.")
    with ExitStack() as stack:
        tables = Tables(target, ties, stack, consensus=manifest.consensus)
        for number, judgement in enumerate(judgements(selection), 1):
            tally.add(judgement)
            tables.add(judgement)
            report("Exporting", number, max(total, number))
            yield
        made = list(tables.close())
    if manifest.consensus:
        tally.add_those_behind(selection)
    files = [file for file, _ in made]
    guidelines = _write_guidelines(target, selection, tally, files)
    card = _card(selection, manifest.licence, tally, tables.rows, guidelines, ties)
    _write_text(target, "README.md", card.text(), files)
    frozen_at = selection.snapshot.frozen_at if selection.snapshot else None
    published = frozen_at.date().isoformat() if frozen_at else None
    croissant = describe(card.title, card.about[0], card.licence, published, made)
    _write_text(target, "croissant.json", json.dumps(croissant, indent=2) + "\n", files)
    yield from target.hand_on()
    manifest.rows = sum(file.rows for file in files)
    manifest.rankings, manifest.judgements = tally.rankings, tally.judgements
    manifest.pairs = tally.pairs
    manifest.complete(files)
    with target.open(MANIFEST) as file:
        file.write(manifest.as_json().encode())
    yield from target.hand_on()


def _write_text(target: Target, name: str, text: str, files: list[File]) -> None:
    with target.open(name) as file:
        file.write(text.encode())
    files.append(File(name, file.sha256, file.bytes))


def _write_guidelines(
    target: Target, selection: Selection, tally: Tally, files: list[File]
) -> dict[str, str]:
    """The texts of the versions in force; the file of each label."""
    found = GuidelineVersion.objects.filter(
        project=selection.project, label__in=tally.guidelines
    ).exclude(body="")
    written = {}
    # Sorted here: databases put the letters in orders of their own.
    for number, version in enumerate(sorted(found, key=lambda version: version.label), 1):
        written[version.label] = f"guidelines/{number}.md"
        _write_text(target, written[version.label], version.body, files)
    if written:
        labels = {path.removeprefix("guidelines/"): label for label, path in written.items()}
        listed = json.dumps(labels, indent=2, ensure_ascii=False)
        _write_text(target, LABELS, listed + "\n", files)
    return written


def _card(
    selection: Selection,
    licence: str,
    tally: Tally,
    rows: dict[str, dict[str, int]],
    guidelines: dict[str, str],
    ties: Ties,
) -> Card:
    project, snapshot = selection.project, selection.snapshot
    title = f"{snapshot.title}, {snapshot.name}" if snapshot else project.name
    what = "consensus rankings" if tally.agreed else "rankings"
    about = [f"{tally.rankings:,} {what}, and the {tally.pairs:,} preferences they hold."]
    if snapshot is not None:
        about.append(f"\nSnapshot `{snapshot.sha256}`, chosen by {_chosen_by(snapshot.filters)}.")
    agreement = snapshot.agreement if snapshot else agreement_report(project)
    traits = tuple(snapshot.traits if snapshot else project.traits)
    told = ties if selection.edition > FIRST_EDITION else None
    return Card(title, licence, tally, rows, guidelines, agreement, about, traits, told)


def _chosen_by(filters: dict[str, Any]) -> str:
    return f"`{json.dumps(filters, sort_keys=True).replace('`', ' ')}`"

"""The verb: write what was selected in a format, with a manifest that says what it is."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, cast

from django.utils import timezone

from annotation.audit import record
from annotation.errors import Invalid
from annotation.exporting.agreed import how_many, judgements
from annotation.exporting.card import SPLITS, Tally
from annotation.exporting.files import Hashed, replacing, replacing_folder
from annotation.exporting.folder import MANIFEST, write_folder
from annotation.exporting.formats import ALIASES, FOLDER, FORMATS, NAMES, Layout
from annotation.exporting.known import keep
from annotation.exporting.manifest import SUFFIX, File, Manifest
from annotation.exporting.reading import Judgement, Selection
from annotation.exporting.targets import Directory
from annotation.licences import check_licence
from annotation.models import Project, Snapshot, User
from annotation.pairs import Ties
from annotation.progress import Report, silent
from annotation.provenance import licence_of


@dataclass(frozen=True)
class Terms:
    """How to export. Without a snapshot all that counts goes out; with ``split``, of that one
    alone. ``ties`` left out means the snapshot's policy, or to drop them; ``licence`` left out,
    the snapshot's, or that under which the data came in.
    """

    snapshot: Snapshot | None = None
    ties: Ties | None = None
    licence: str | None = None
    split: str | None = None
    by: User | str = "export_preferences"
    report: Report = silent

    @property
    def policy(self) -> Ties:
        said = self.snapshot.filters.get("ties") if self.snapshot else None
        return self.ties or Ties(said or Ties.DROP)

    def granted(self, project: Project) -> str:
        """The licence, as SPDX writes it. Raises Invalid."""
        if self.licence is not None:
            return check_licence(self.licence)
        return self.snapshot.licence if self.snapshot else licence_of(project)

    @property
    def as_frozen(self) -> Snapshot | None:
        """The snapshot, where it goes out as it says itself, and nothing is asked otherwise."""
        return self.snapshot if self.ties is None and self.licence is None else None


def export(
    project: Project, format: str, out: Path, terms: Terms = Terms(), *, report: Report = silent
) -> Manifest:
    """Write to ``out``, and PATH.manifest.json beside it; a folder holds its manifest itself.

    Raises Invalid for an unknown format or licence, a selection that holds nothing, a file that
    cannot be written; then ``out`` is as it was.
    """
    terms = terms if report is silent else replace(terms, report=report)
    manifest = write(project, format, out, terms)
    said = manifest.as_dict()
    record("preferences.exported", project, project=project, by=terms.by, data=said)
    return manifest


def write(project: Project, format: str, out: Path, terms: Terms) -> Manifest:
    """The same for nobody: no entry says that something went out."""
    manifest = begin(project, format, out.name, terms)
    selection = Selection(project, terms.snapshot, terms.split)
    if format == FOLDER:
        with replacing_folder(out, MANIFEST) as folder:
            exhaust(
                write_folder(Directory(folder), selection, terms.policy, manifest, terms.report)
            )
    else:
        _write_file(out, selection, FORMATS[ALIASES.get(format, format)], manifest, terms)
    if terms.as_frozen is not None:
        keep(terms.as_frozen, manifest)
    return manifest


def begin(project: Project, format: str, name: str, terms: Terms) -> Manifest:
    """A manifest of what is to go out under this name: nothing is counted yet. Raises Invalid for
    an unknown format or licence."""
    if format not in NAMES:
        raise Invalid(f"format: {format!r} is not known. Use one of: {', '.join(NAMES)}.")
    _check_split(format, terms.split)
    snapshot = terms.snapshot
    manifest = Manifest(name, format, project.slug, terms.granted(project), ties=terms.policy.value)
    manifest.part, manifest.made_at = terms.split, timezone.now().isoformat()
    if snapshot is not None and snapshot.frozen_at is not None:
        manifest.project, manifest.made_at = snapshot.slug, snapshot.frozen_at.isoformat()
        manifest.snapshot, manifest.snapshot_sha256 = snapshot.name, snapshot.sha256
        manifest.consensus = snapshot.is_consensus
        manifest.withdrawn = snapshot.submissions.filter(withdrawn_at__isnull=False).count()
    return manifest


def _check_split(format: str, split: str | None) -> None:
    if split is None:
        return
    if split not in SPLITS:
        raise Invalid(f"split: {split[:50]!r} is not known. Use one of: {', '.join(SPLITS)}.")
    if format == FOLDER:
        raise Invalid(
            f"split: {FOLDER} holds each in a file of its own. Take another format, such as "
            "parquet, for one alone."
        )


def exhaust(steps: Iterator[None]) -> None:
    for _ in steps:
        pass


def _write_file(
    out: Path, selection: Selection, layout: Layout, manifest: Manifest, terms: Terms
) -> None:
    with replacing(out) as file:
        exhaust(write_rows(selection, layout, manifest, terms, file))
    with replacing(out.with_name(f"{out.name}{SUFFIX}")) as beside:
        beside.write(manifest.as_json().encode())


def write_rows(
    selection: Selection, layout: Layout, manifest: Manifest, terms: Terms, file: Hashed
) -> Iterator[None]:
    """Write one judgement after another, and complete the manifest after the last. Raises Invalid
    when there is nothing, or something that the format cannot hold."""
    format = layout.rows(terms.policy, consensus=manifest.consensus)
    writer = layout.writing.writer(cast(Any, file), format.columns, selection.edition)
    tally = Tally()
    for judgement in _counted(selection, layout, terms.report):
        tally.add(judgement)
        for row in format.rows(judgement):
            writer.write(row)
            manifest.rows += 1
        yield
    writer.close()
    made = File(manifest.file, file.sha256, file.bytes, manifest.rows)
    _complete(manifest, tally, format.left_out, [made])


def _complete(
    manifest: Manifest, tally: Tally, left_out: dict[str, int], files: list[File]
) -> None:
    manifest.rankings, manifest.judgements = tally.rankings, tally.judgements
    manifest.pairs, manifest.left_out = tally.pairs, dict(sorted(left_out.items()))
    manifest.complete(files)


def _counted(selection: Selection, layout: Layout, report: Report) -> Iterator[Judgement]:
    """What is read, with its progress. Raises Invalid when there is nothing."""
    kinds = layout.rows.kinds
    total = how_many(selection, kinds)
    if not total:
        raise Invalid(nothing(selection))
    for number, judgement in enumerate(judgements(selection, kinds, whole=layout.rows.whole), 1):
        yield judgement
        report("Exporting", number, max(total, number))


def nothing(selection: Selection) -> str:
    if selection.snapshot is not None:
        what = f"nothing of the split {selection.split}" if selection.split else "nothing"
        return (
            f"snapshot: {selection.snapshot.name} holds {what} that goes into this format. "
            "Choose another one."
        )
    return (
        f"project: {selection.project.slug} has no rankings yet that go into this format. "
        "Rank or import some first."
    )

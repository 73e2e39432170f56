"""One file on its way in, from the first look at it to the flip that shows it."""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

from django.db import transaction

from annotation.errors import Conflict, Invalid
from annotation.importing.batches import Pace, batches, in_memory
from annotation.importing.checking import check, look
from annotation.importing.discarding import discard
from annotation.importing.files import RowFile
from annotation.importing.kinds import INTAKES, NO_COLUMNS, Intake, PromptIntake, RankingIntake
from annotation.importing.opening import open_rows
from annotation.importing.publishing import publish, seal_all
from annotation.importing.tables import Columns
from annotation.importing.texts import bring
from annotation.lineup import lock
from annotation.models import Import, Project, User
from annotation.progress import Report, silent
from annotation.projects import find_project, make_project


@dataclass(frozen=True)
class Options:
    """How to import. ``create`` makes the project when it is absent; ``drop_unfinished`` removes
    what unfinished imports of other files have left in it. ``columns`` says which columns of a
    table hold which fields. Refusals call the file by ``name``, if it is given. ``admit`` is asked
    in the transaction that begins, and may raise."""

    create: bool = False
    drop_unfinished: bool = False
    columns: Columns = NO_COLUMNS
    by: User | None = None
    report: Report = silent
    name: str = ""
    admit: Callable[[], None] = lambda: None


@dataclass(frozen=True)
class Outcome:
    """What an import added; what had been there before is not counted."""

    project: str
    rows: int
    prompts: int = 0
    completions: int = 0
    tasks: int = 0
    rankings: int = 0
    imported_before: bool = False

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def import_prompts(path: Path, slug: str, options: Options = Options()) -> Outcome:
    """Take in a file of prompts; those with completions become tasks. See ``_take_in``."""
    return _take_in(PromptIntake, path, slug, options)


def import_rankings(path: Path, slug: str, options: Options = Options()) -> Outcome:
    """Take in a file of rankings or comparisons. See ``_take_in``."""
    return _take_in(RankingIntake, path, slug, options)


def import_file(kind: str, path: Path, slug: str, options: Options = Options()) -> Outcome:
    """Take in a file of either kind. See ``_take_in``."""
    return _take_in(INTAKES[kind], path, slug, options)


@dataclass(frozen=True)
class Preview:
    """What an import would find: rows that are good, and the problems of the others, each with
    its field, why, the first line and how many lines have it."""

    file: str
    rows: int
    bad: int
    columns: list[str]
    problems: list[dict[str, Any]]

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)


def preview(kind: Import.Kind, path: Path, slug: str, options: Options = Options()) -> Preview:
    """Read the whole file, hold it to every rule, write nothing. Raises Invalid for what is no
    such file at all."""
    with open_rows(path) as file, closing(INTAKES[kind](options.columns)) as intake:
        project = find_project(slug, create=options.create)
        rows, findings = look(file, intake, project, options.report)
        file.texts()
        first = next(iter(file.lines()), None)
    columns = list(first.value) if first and isinstance(first.value, dict) else []
    return Preview(file.name, rows, findings.lines, columns, findings.as_list())


def _take_in(kind: type[Intake], path: Path, slug: str, options: Options) -> Outcome:
    """Everything that is in the file, or nothing. Run again, it goes on or adds nothing.

    Raises Invalid when a row is wrong; Conflict when another import is in the way.
    """
    with open_rows(path, options.name) as file:
        project = find_project(slug, create=options.create)
        if project is not None:
            name = name_of(file, options.columns)
            before = project.imports.filter(kind=kind.kind, file_sha256=name).first()
            if before is not None and before.published_at is not None:
                return Outcome(slug, before.rows_total, imported_before=True)
            _make_way(project, before, options)
        with closing(kind(options.columns)) as intake:
            rows = check(file, intake, project, options.report)
        texts = file.texts()
        run = _begin(kind, file, rows, slug, options)
        bring(run, texts)
        with closing(kind(options.columns)) as intake, in_memory():
            _store(run, file, intake, options.report)
    seal_all(run, options.report)
    publish(run, by=options.by, with_guideline=options.create)
    return _outcome(run)


def name_of(file: RowFile, columns: Columns) -> str:
    """What tells its import from others: its hash; read by other columns, it is another file."""
    mapped = columns.key()
    return sha256(f"{file.sha256} {mapped}".encode()).hexdigest() if mapped else file.sha256


def _unfinished(project: Project, but: Import | None) -> list[Import]:
    others = project.imports.filter(published_at__isnull=True).order_by("pk")
    return list(others.exclude(pk=but.pk) if but is not None else others)


def _make_way(project: Project, mine: Import | None, options: Options) -> None:
    """Finish the import of another file that lacked nothing but its seal. Raises Conflict when
    one lacks more."""
    for other in _unfinished(project, mine):
        if other.rows_done == other.rows_total:
            seal_all(other, options.report)
            publish(other, by=options.by)
    if not options.drop_unfinished:
        _refuse_others(_unfinished(project, mine))


def _refuse_others(others: list[Import]) -> None:
    for other in others:
        raise Conflict(
            f"The import of {other.file_name} into this project is not finished "
            f"({other.rows_done:,} of {other.rows_total:,} rows). Let it end, or run it again to "
            "finish it, or add --drop-unfinished here to remove what it has stored."
        )


def _begin(kind: type[Intake], file: RowFile, rows: int, slug: str, options: Options) -> Import:
    """The file's Import row, alone in its project. Raises Conflict."""
    with transaction.atomic():
        project = lock(make_project(slug))
        options.admit()
        run, _ = Import.objects.get_or_create(
            project=project,
            kind=kind.kind,
            file_sha256=name_of(file, options.columns),
            defaults={
                "file_name": file.name[-255:],
                "rows_total": rows,
                "started_by": options.by,
                "licence": file.licence(),
            },
        )
        others = _unfinished(project, run)
        if not options.drop_unfinished:
            _refuse_others(others)
        # Whoever still runs one of them finds that it no longer stands where it stood.
        Import.objects.filter(pk__in=[other.pk for other in others]).update(rows_done=0)
    for other in others:
        discard(other)
    return run


def _store(run: Import, file: RowFile, intake: Intake, report: Report) -> None:
    pace = Pace()
    for batch in batches(_prepared(run, file, intake), pace.rows):
        with pace.transaction(len(batch)):
            _store_batch(run, intake, batch)
        report("Storing", run.rows_done, run.rows_total)


def _prepared(run: Import, file: RowFile, intake: Intake) -> Iterator[Any]:
    """The rows that are still to be stored. Those before are read as well: they count."""
    start = run.rows_done
    for number, line in enumerate(file.lines()):
        if line.problem:
            raise Invalid(f"{file.name}, {file.unit} {line.number}: {line.problem.english}")
        row = intake.prepare(intake.read(file, line))
        if number >= start:
            yield row


def _store_batch(run: Import, intake: Intake, batch: list[Any]) -> None:
    """Inside a transaction."""
    here = Import.objects.select_for_update(no_key=True).filter(
        pk=run.pk, published_at__isnull=True, rows_done=run.rows_done
    )
    if not here:
        raise Conflict(
            f"Another process has taken over this import of {run.file_name}, or dropped it. "
            "Run this again once the other has ended."
        )
    intake.store(run, batch)
    run.rows_done += len(batch)
    Import.objects.filter(pk=run.pk).update(rows_done=run.rows_done)


def _outcome(run: Import) -> Outcome:
    return Outcome(
        project=run.project.slug,
        rows=run.rows_total,
        prompts=run.prompts.count(),
        completions=run.completions.count(),
        tasks=run.tasks.count(),
        rankings=run.submissions.count(),
    )

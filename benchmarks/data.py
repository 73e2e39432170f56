"""How fast data comes in and goes out, how much memory that takes, and what people who submit
rankings meanwhile notice of it.

    python -m benchmarks.data [--quick] [--json] [--only prompts | rankings | export]

Imports 100,000 prompts with four completions, and a tenth of that, and all again while 20 people
rank; imports and exports 20,000 rankings as JSON lines, and a tenth; exports the million pairs of
167,000 rankings to Parquet, and a tenth. Each has a fresh database, SQLite in a temporary folder or
the empty one that DATABASE_URL names, which is emptied again, and a process of its own: memory is
constant when the peaks for few rows and for many are alike. Prints JSON, one object a line; with
--json one object of them all at the end.
"""

import argparse
import json
import os
import time
from pathlib import Path
from typing import Any

from benchmarks._people import let_rank, ready
from benchmarks._site import new_site, peak_memory, said_by
from benchmarks._texts import write_rows

PROMPTS, RANKINGS, PAIRED = 100_000, 20_000, 167_000  # the last hold a million pairs
ANNOTATORS = 20
JUDGES = 100
FEW = 10  # times less
QUICK = 40  # times less


class Longest:
    """The longest time from the first statement of a transaction to its end."""

    def __init__(self, connection: Any) -> None:
        self.connection = connection
        self.seconds = self.began = 0.0

    def __call__(self, execute: Any, *args: Any) -> Any:
        if not self.began and self.connection.in_atomic_block:
            self.began = time.perf_counter()
            self.connection.on_commit(self.end)
        return execute(*args)

    def end(self) -> None:
        self.seconds = max(self.seconds, time.perf_counter() - self.began)
        self.began = 0.0


def measure_import(kind: str, file: Path) -> dict[str, Any]:
    from django.db import connection

    from annotation import importing
    from annotation.gathering import gather

    verb = {"prompts": importing.import_prompts, "rankings": importing.import_rankings}[kind]
    longest, stages = Longest(connection), dict[str, float]()
    started, worked = time.perf_counter(), time.process_time()

    def report(stage: str, done: int, total: int) -> None:
        stages[stage] = round(time.perf_counter() - started, 1)

    with connection.execute_wrapper(longest):
        rows = verb(file, "bench", importing.Options(create=True, report=report)).rows
    took, worked = time.perf_counter() - started, time.process_time() - worked
    found = {
        "measured": f"import of {kind}",
        "database": connection.vendor,
        "rows": rows,
        "seconds": round(took, 1),
        "seconds_of_python": round(worked, 1),
        "rows_per_second": round(rows / took),
        "ended_after": stages,
        "longest_transaction_ms": round(1000 * longest.seconds),
        "peak_memory_mb": peak_memory(),
    }
    started = time.perf_counter()
    gather()
    return found | {"words_gathered_after": round(time.perf_counter() - started, 1)}


def measure_export(form: str, out: Path) -> dict[str, Any]:
    from django.db import connection

    from annotation import exporting
    from annotation.models import Project

    project = Project.objects.get(slug="bench")
    started = time.perf_counter()
    manifest = exporting.export(project, form, out)
    took = time.perf_counter() - started
    return {
        "measured": f"export of {form}",
        "database": connection.vendor,
        "rankings": manifest.rankings,
        "rows": manifest.rows,
        "seconds": round(took, 1),
        "rows_per_second": round(manifest.rows / took),
        "megabytes": round(manifest.bytes / 2**20, 1),
        "peak_memory_mb": peak_memory(),
    }


def fill(file: Path) -> dict[str, Any]:
    """Everybody ranks every task: written past the guards, for only the export is measured."""
    from django.db import transaction
    from django.utils import timezone

    from annotation import guards
    from annotation.bulk import insert
    from annotation.importing import Options, import_prompts
    from annotation.models import (
        Annotator,
        Assignment,
        Project,
        RankedItem,
        Ranking,
        Submission,
        Task,
    )

    import_prompts(file, "bench", Options(create=True))
    project = Project.objects.get(slug="bench")
    guideline = project.guidelines.get()
    slots = {
        task.pk: [slot.completion_id for slot in task.slots.all()]
        for task in Task.objects.prefetch_related("slots")
    }
    now = timezone.now()
    judges = Annotator.objects.bulk_create(Annotator(project=project) for _ in range(JUDGES))
    with guards.suspended():
        for judge in judges:
            with transaction.atomic():
                same = {"annotator_id": judge.pk, "guideline_id": guideline.pk}
                held = insert(
                    Assignment,
                    ("task_id", "order"),
                    list(slots.items()),
                    **same,
                    state="submitted",
                    claimed_at=now,
                    expires_at=now,
                )
                said = insert(
                    Submission,
                    ("task_id", "assignment_id", "order", "key"),
                    [
                        (task, one, slots[task], f"{one}")
                        for task, one in zip(slots, held, strict=True)
                    ],
                    **same,
                    project_id=project.pk,
                    origin="api",
                    body_sha256="0" * 64,
                    sealed=True,
                )
                insert(Ranking, ("submission_id",), [(one,) for one in said])
                insert(
                    RankedItem,
                    ("ranking_id", "completion_id", "rank"),
                    [
                        (one, completion, rank)
                        for one, task in zip(said, slots, strict=True)
                        for rank, completion in enumerate(slots[task], 1)
                    ],
                )
    return {"measured": "filling", "rankings": len(slots) * len(judges)}


def run_import(kind: str, rows: int, annotators: int = 0) -> list[dict[str, Any]]:
    with new_site("benchmarks.data") as site:
        folder, stop = site.folder, site.folder / "stop"
        file = write_rows(folder / "rows.jsonl", rows, ranked=kind == "rankings")
        people = None
        if annotators:
            tasks = write_rows(folder / "tasks.jsonl", 500, ranked=False)
            people = site.start("people", tasks, annotators, stop)
            while people.poll() is None and not ready(stop).exists():
                time.sleep(0.1)
        found = [said_by(site.start("import", kind, file)) | {"annotators": annotators}]
        stop.touch()
        if people is not None:
            found.append(said_by(people))
        if kind == "rankings":
            found.append(said_by(site.start("export", kind, folder / "out.jsonl")))
        return found


def run_export(rankings: int) -> list[dict[str, Any]]:
    with new_site("benchmarks.data") as site:
        file = write_rows(site.folder / "rows.jsonl", rankings // JUDGES, ranked=False)
        said_by(site.start("fill", file))
        return [said_by(site.start("export", "parquet", site.folder / "pairs.parquet"))]


def run(only: str | None, less: int) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    if only in (None, "prompts"):
        found += run_import("prompts", PROMPTS // less // FEW)
        found += run_import("prompts", PROMPTS // less)
        found += run_import("prompts", PROMPTS // less, ANNOTATORS)
    if only in (None, "rankings"):
        found += run_import("rankings", RANKINGS // less // FEW)
        found += run_import("rankings", RANKINGS // less)
    if only in (None, "export"):
        found += run_export(PAIRED // less // FEW) + run_export(PAIRED // less)
    return found


def measure(what: str, *given: str) -> dict[str, Any]:
    """In a process of its own."""
    import django

    django.setup()
    if what == "people":
        file, count, stop = given
        return let_rank(Path(file), int(count), Path(stop))
    if what == "fill":
        return fill(Path(*given))
    name, path = given
    return (measure_import if what == "import" else measure_export)(name, Path(path))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help=f"1/{QUICK} of the rows.")
    parser.add_argument("--json", action="store_true", help="All figures in one object at the end.")
    parser.add_argument("--only", choices=["prompts", "rankings", "export"])
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        print(json.dumps(measure(*options.measure)))
        return
    found = run(options.only, QUICK if options.quick else 1)
    if options.json:
        print(json.dumps({"load": os.getloadavg()[0], "figures": found}))


if __name__ == "__main__":
    main()

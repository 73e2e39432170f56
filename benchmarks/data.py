"""How fast data comes in as prompts and goes out as Parquet, how much memory that takes, and what
people who submit rankings meanwhile notice of it.

    python -m benchmarks.data [--quick] [--json]

Imports 100,000 prompts with four completions, alone and while 20 people rank; exports the million
pairs of 167,000 rankings. Each has a fresh database: SQLite in a
temporary folder, or the empty one that DATABASE_URL names, which is emptied again. Import and
export run in processes of their own; the export's memory is constant when its peaks for a tenth of
the rankings and for all of them are alike. Prints JSON, one object a line; with --json one object
of them all at the end.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from benchmarks.imports import ANNOTATORS, ROOT, Site, peak_memory, write_file

PROMPTS, RANKINGS = 100_000, 167_000  # the latter hold a million pairs
JUDGES = 100
QUICK = 20  # times less


def measure_prompts(file: Path) -> dict[str, Any]:
    from django.db import connection

    from annotation.importing import Options, import_prompts

    stages: dict[str, float] = {}
    started = time.perf_counter()

    def report(stage: str, done: int, total: int) -> None:
        stages[stage] = time.perf_counter() - started

    rows = import_prompts(file, "bench", Options(create=True, report=report)).rows
    took = time.perf_counter() - started
    return {
        "measured": "import of prompts",
        "database": connection.vendor,
        "rows": rows,
        "seconds": round(took, 1),
        "rows_per_second": round(rows / took),
        "ended_after": {stage: round(at, 1) for stage, at in stages.items()},
        "peak_memory_mb": peak_memory(),
    }


def measure_export(out: Path) -> dict[str, Any]:
    from django.db import connection

    from annotation import exporting
    from annotation.models import Project

    project = Project.objects.get(slug="bench")
    started = time.perf_counter()
    manifest = exporting.export(project, "parquet", out)
    took = time.perf_counter() - started
    return {
        "measured": "export to Parquet",
        "database": connection.vendor,
        "rankings": manifest.rankings,
        "pairs": manifest.rows,
        "seconds": round(took, 1),
        "pairs_per_second": round(manifest.rows / took),
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


def in_process(site: Site, *arguments: object) -> dict[str, Any]:
    command = [sys.executable, "-m", "benchmarks.data", "--measure", *map(str, arguments)]
    done = subprocess.run(
        command, env=site.environment, cwd=ROOT, check=True, stdout=subprocess.PIPE, text=True
    )
    print(done.stdout, end="", flush=True)
    return dict(json.loads(done.stdout))


def run_import(rows: int, annotators: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site, stop = Site(folder), folder / "stop"
        file = write_file(folder / "rows.jsonl", rows, ranked=False)
        people = None
        if annotators:
            tasks = write_file(folder / "tasks.jsonl", 500, ranked=False)
            people = site.start("annotators", annotators, tasks, stop)
            while people.poll() is None and not stop.with_suffix(".ready").exists():
                time.sleep(0.1)
        found = in_process(site, "prompts", file)
        stop.touch()
        if people is not None:
            people.wait()
        site.close()
        return [found | {"annotators": annotators}]


def run_export(rankings: int) -> list[dict[str, Any]]:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = Site(folder)
        file = write_file(folder / "rows.jsonl", rankings // JUDGES, ranked=False)
        in_process(site, "fill", file)
        found = [in_process(site, "export", folder / "pairs.parquet")]
        site.close()
        return found


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="A twentieth of the rows.")
    parser.add_argument("--json", action="store_true", help="All figures in one object at the end.")
    parser.add_argument("--only", choices=["import", "export"])
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        import django

        django.setup()
        what, path = options.measure
        verbs = {"fill": fill, "export": measure_export, "prompts": measure_prompts}
        print(json.dumps(verbs[what](Path(path))))
        return
    less = QUICK if options.quick else 1
    found: list[dict[str, Any]] = []
    if options.only != "export":
        found += run_import(PROMPTS // less, 0) + run_import(PROMPTS // less, ANNOTATORS)
    if options.only != "import":
        found += run_export(RANKINGS // less // 10) + run_export(RANKINGS // less)
    if options.json:
        print(json.dumps({"load": os.getloadavg()[0], "figures": found}))


if __name__ == "__main__":
    main()

"""How fast files of prompts and of rankings come in and go out, how much memory that takes, and
what people who submit rankings meanwhile notice of it.

    python -m benchmarks.imports [--quick]

Every measurement has a fresh database: SQLite in a temporary folder, or the empty one that
DATABASE_URL names, which is emptied again. Rows have four completions. Prints JSON, one object a
line; memory is constant when the peaks for few and for many rows are alike.
"""

import argparse
import json
import os
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent.parent
WORDS = ("sea", "salt", "rivers", "carry", "minerals", "from", "rocks", "where", "they", "stay")
RANKS = ([1, 2, 3, 4], [2, 1, 2, 4], [4, 1, 3, 2], [1, 1, 3, 3])
ANNOTATORS = 20
THINKING = 2.0  # seconds between two submissions of one annotator


def write_file(path: Path, rows: int, *, ranked: bool) -> Path:
    chance = random.Random(0)
    with path.open("w") as file:
        for number in range(rows):
            row: dict[str, Any] = {
                "prompt": f"Question {number}: {' '.join(chance.choices(WORDS, k=20))}?",
                "completions": [
                    {"text": " ".join(chance.choices(WORDS, k=60)), "model": f"model-{slot}"}
                    for slot in range(4)
                ],
            }
            if ranked:
                row |= {"ranks": chance.choice(RANKS), "annotator": f"judge-{number % 20}"}
            file.write(json.dumps(row) + "\n")
    return path


# --- in a process of its own ----------------------------------------------------------------


def measure_import(kind: str, file: Path) -> dict:
    from django.db import connection

    from annotation import exporting, importing
    from annotation.models import Project

    verb = {"prompts": importing.import_prompts, "rankings": importing.import_rankings}[kind]
    longest = Longest(connection)
    started = time.perf_counter()
    with connection.execute_wrapper(longest):
        rows = verb(file, "bench", importing.Options(create=True)).rows
    took = time.perf_counter() - started
    result = {
        "measured": f"import of {kind}",
        "database": connection.vendor,
        "rows": rows,
        "rows_per_second": round(rows / took),
        "longest_transaction_ms": round(1000 * longest.seconds),
        "peak_memory_mb": peak_memory(),
    }
    if kind == "rankings":
        started = time.perf_counter()
        project = Project.objects.get(slug="bench")
        exporting.export(project, "rankings", file.with_suffix(".out"))
        result["export_rows_per_second"] = round(rows / (time.perf_counter() - started))
        result["peak_memory_with_export_mb"] = peak_memory()
    return result


def peak_memory() -> float:
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024, 1)


class Longest:
    """The longest time from the first statement of a transaction to its end."""

    def __init__(self, connection) -> None:
        self.connection = connection
        self.seconds = self.began = 0.0

    def __call__(self, execute, *args):
        if not self.began and self.connection.in_atomic_block:
            self.began = time.perf_counter()
            self.connection.on_commit(self.end)
        return execute(*args)

    def end(self) -> None:
        self.seconds = max(self.seconds, time.perf_counter() - self.began)
        self.began = 0.0


def measure_annotators(count: int, file: Path, stop: Path) -> dict:
    """People claim and submit until ``stop`` is there."""
    from annotation.importing import Options, import_prompts
    from annotation.models import Annotator, Project

    import_prompts(file, "people", Options(create=True))
    project = Project.objects.get(slug="people")
    project.tasks.update(wanted=count)
    judges = [Annotator.objects.create(project=project) for _ in range(count)]
    waits: list[float] = []
    errors: list[str] = []
    threads = [threading.Thread(target=work, args=(one, stop, waits, errors)) for one in judges]
    stop.with_suffix(".ready").touch()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return {
        "measured": f"submissions of {count} annotators during the import",
        "submissions": len(waits),
        "errors": len(errors),
        "median_ms": round(1000 * statistics.median(waits)),
        "p99_ms": round(1000 * statistics.quantiles(waits, n=100)[98]),
        "slowest_ms": round(1000 * max(waits)),
    }


def work(judge, stop: Path, waits: list[float], errors: list[str]) -> None:
    from annotation.queue import claim
    from annotation.submissions import submit

    while not stop.exists():
        try:
            assignment, _ = claim(judge)
            uids = map(str, assignment.task.completions.values_list("uid", flat=True))
            body = {"ranks": dict(zip(uids, RANKS[0], strict=True))}
            started = time.perf_counter()
            submit(assignment.pk, judge, body, key=str(assignment.pk), origin="api")
            waits.append(time.perf_counter() - started)
        except Exception as error:
            errors.append(repr(error))
        time.sleep(random.uniform(0, 2 * THINKING))


# --- the processes --------------------------------------------------------------------------


class Site:
    """A migrated database and the processes that use it."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "VAR_DIR": str(folder),
            "SECRET_KEY": "benchmark-" * 6,
            "DJANGO_SETTINGS_MODULE": "webapp.settings",
        }
        self.manage("migrate", "-v0")

    def manage(self, *arguments: str) -> None:
        command = [sys.executable, str(ROOT / "manage.py"), *arguments]
        subprocess.run(command, env=self.environment, check=True)

    def start(self, *arguments: object) -> subprocess.Popen:
        command = [sys.executable, "-m", "benchmarks.imports", "--measure", *map(str, arguments)]
        return subprocess.Popen(command, env=self.environment, cwd=ROOT)

    def close(self) -> None:
        if "DATABASE_URL" in os.environ:
            self.manage("migrate", "-v0", "training", "zero")
            self.manage("migrate", "-v0", "annotation", "zero")


def run(kind: str, rows: int, annotators: int = 0) -> None:
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        site = Site(folder)
        file = write_file(folder / "rows.jsonl", rows, ranked=kind == "rankings")
        stop = folder / "stop"
        people = None
        if annotators:
            tasks = write_file(folder / "tasks.jsonl", 500, ranked=False)
            people = site.start("annotators", annotators, tasks, stop)
            while people.poll() is None and not stop.with_suffix(".ready").exists():
                time.sleep(0.1)
        site.start(kind, file).wait()
        stop.touch()
        if people is not None:
            people.wait()
        site.close()


def measure(what: str, *arguments: str) -> None:
    import django

    django.setup()
    if what == "annotators":
        count, file, stop = arguments
        result = measure_annotators(int(count), Path(file), Path(stop))
    else:
        result = measure_import(what, Path(*arguments))
    print(json.dumps(result))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="A quarter of the rows.")
    parser.add_argument("--measure", nargs="+", help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.measure:
        measure(*options.measure)
        return
    few, many = (500, 5_000) if options.quick else (2_000, 20_000)
    for kind in ("prompts", "rankings"):
        for rows in (few, many):
            run(kind, rows)
    run("rankings", many, ANNOTATORS)


if __name__ == "__main__":
    main()

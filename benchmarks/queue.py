"""How long a claim takes, by the number of open tasks and by what the person has done already.

    python -m benchmarks.queue [--quick] [--json] [--database-url URL]

Fills two databases of its own (SQLite in a temporary folder, or new ones on the PostgreSQL server
of the URL) with 10,000 and with 1,000,000 open tasks, and times claims in them by turns: of a new
person, and of one who has done the first 10,000 tasks. Every claim is followed by a release, so
that the next one goes on to the next task. "first" is a person's first claim of all, whose cursor
has to be found. Prints a table, and one JSON object on the last line.
"""

from __future__ import annotations

import sys
from pathlib import Path

# Run as a file, this folder comes first in the path, and this file hides the standard library's
# module of the same name.
sys.path[0] = str(Path(__file__).resolve().parent.parent)

import argparse  # noqa: E402
import json  # noqa: E402
import os  # noqa: E402
import statistics  # noqa: E402
import tempfile  # noqa: E402
import time  # noqa: E402
from collections.abc import Iterator  # noqa: E402
from contextlib import contextmanager  # noqa: E402
from typing import TYPE_CHECKING, Any  # noqa: E402

from tqdm import tqdm  # noqa: E402

if TYPE_CHECKING:
    from annotation.models import Annotator, Project, Task

SMALL, LARGE, QUICK_LARGE = 10_000, 1_000_000, 100_000
DONE = 10_000
TURNS, CLAIMS_A_TURN, WARM_UP = 60, 8, 3
CHUNK = 50_000
GOAL = 1.3
PLACES: dict[str, str] = {}


@contextmanager
def own_databases(url: str | None, *names: str) -> Iterator[None]:
    """Django set up, and an empty database for each name; all are gone afterwards."""
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="webapp.settings",
            SECRET_KEY="only-for-this-benchmark",
            VAR_DIR=folder,
            DATABASE_URL=url or f"sqlite:///{folder}/bench.sqlite3",
        )
        import django

        django.setup()
        from django.db import connection

        places = {
            name: f"concord_{name}_{os.getpid()}" if url else f"{folder}/{name}.sqlite3"
            for name in names
        }
        server = connection.settings_dict["NAME"]
        for place in places.values():
            connection.settings_dict["TEST"]["NAME"] = place
            connection.creation.create_test_db(verbosity=0, autoclobber=True, serialize=False)
            connection.close()
            connection.settings_dict["NAME"] = server
        PLACES.update(places)
        try:
            yield
        finally:
            for name in names:
                use(name)
                connection.creation.destroy_test_db(server, verbosity=0)


def use(name: str) -> None:
    """Let all that follows speak to this database."""
    from django.db import connection

    connection.close()
    connection.settings_dict["NAME"] = PLACES[name]


def make_project() -> tuple[Project, Task]:
    """A project with a guideline and one task, which the others are copies of."""
    from annotation.guidelines import publish
    from annotation.models import Project
    from annotation.tasking import add_prompt, make_task, new_completion, outside_source

    project = Project.objects.create(name="Bench", slug="bench", overlap=3)
    publish(project, "Which is better?", None)
    prompt, _ = add_prompt(project, "Why is the sea salty?")
    completions = [new_completion(prompt, outside_source(project, ""), text) for text in "ab"]
    for completion in completions:
        completion.save()
    return project, make_task(prompt, completions)


def copy_rows(model: Any, count: int, source: str, values: dict[str, str]) -> None:
    """Insert rows of ``source``, ``count`` times each; ``values`` are SQL for their columns."""
    from django.db import connection

    table = model._meta.db_table
    columns = [f'"{name}"' for name in values]
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE number(i) AS"
            f" (SELECT 1 UNION ALL SELECT i + 1 FROM number WHERE i < {count})"
            f" INSERT INTO {table} ({', '.join(columns)})"
            f" SELECT {', '.join(values.values())} FROM {source}, number"
        )


def add_tasks(template: Task, count: int, progress: tqdm[Any]) -> None:
    from annotation.models import Task, TaskCompletion

    fields = [f for f in Task._meta.concrete_fields if not (f.primary_key or f.generated)]
    same = {str(field.column): f't."{field.column}"' for field in fields}
    slot = {"task_id": "t.id", "completion_id": "s.completion_id", "slot": "s.slot"}
    for start in range(0, count, CHUNK):
        size = min(CHUNK, count - start)
        last = Task.objects.latest("pk").pk
        copy_rows(Task, size, f"(SELECT * FROM annotation_task WHERE id = {template.pk}) t", same)
        slots = f"(SELECT * FROM annotation_taskcompletion WHERE task_id = {template.pk}) s"
        tasks = f"(SELECT id FROM annotation_task WHERE id > {last}) t"
        copy_rows(TaskCompletion, 1, f"{slots}, {tasks}", slot)
        progress.update(size)


def do_first_tasks(person: Annotator, count: int) -> None:
    """Let the person have submitted the first ``count`` tasks, which all want others still."""
    from django.db import connection

    from annotation.models import Assignment

    first = f"SELECT id FROM annotation_task ORDER BY id LIMIT {count}"
    done = {
        "task_id": "t.id",
        "annotator_id": str(person.pk),
        "state": "'submitted'",
        "order": "'[]'",
        "skip_reason": "''",
        "skip_comment": "''",
        **dict.fromkeys(("claimed_at", "expires_at", "finished_at"), "CURRENT_TIMESTAMP"),
    }
    copy_rows(Assignment, 1, f"({first}) t", done)
    with connection.cursor() as cursor:
        cursor.execute(f"UPDATE annotation_task SET taken = taken + 1 WHERE id IN ({first})")


def fill(name: str, tasks: int) -> dict[str, Annotator]:
    """Fill one database with tasks; returns a new person and one who has done the first many."""
    from django.db import connection

    from annotation import guards
    from annotation.models import Annotator

    use(name)
    project, template = make_project()
    people = {
        name: Annotator.objects.create(project=project, pseudonym=name) for name in ("new", "old")
    }
    with guards.suspended(), tqdm(total=tasks, desc=name, unit_scale=True, disable=None) as bar:
        add_tasks(template, tasks - 1, bar)
        if tasks > DONE:
            do_first_tasks(people["old"], DONE)
    if connection.vendor == "postgresql":
        # As autovacuum does in time. SQLite plans without statistics unless it is told to.
        with connection.cursor() as cursor:
            cursor.execute("VACUUM ANALYZE")
    return people


def time_claims(person: Annotator, claims: int) -> list[float]:
    """Milliseconds of each claim; each task is given back."""
    from annotation import leases, queue

    taken = []
    for _ in range(claims):
        started = time.perf_counter()
        assignment, new = queue.claim(person)
        taken.append(1000 * (time.perf_counter() - started))
        if assignment is None or not new:
            raise RuntimeError("There must be a task for every claim.")
        leases.release(assignment.pk, person)
    return taken


def measure(large: int) -> dict[str, Any]:
    """Times of the three cases, taken in turns, so that a busy machine slows them alike."""
    from django.db import connection

    small, many = fill("small", SMALL), fill("large", large)
    cases = {
        "small": ("small", small["new"]),
        "large": ("large", many["new"]),
        "veteran": ("large", many["old"]),
    }
    first: dict[str, float] = {}
    steady: dict[str, list[float]] = {case: [] for case in cases}
    for _ in tqdm(range(TURNS), desc="claims", disable=None):
        for case, (database, person) in cases.items():
            use(database)
            times = time_claims(person, WARM_UP + CLAIMS_A_TURN)
            first.setdefault(case, times[0])
            steady[case] += times[WARM_UP:]
    figures: dict[str, Any] = {"engine": connection.vendor, "tasks": large}
    for case, times in steady.items():
        figures[case] = {
            "first_ms": first[case],
            "median_ms": statistics.median(times),
            "p95_ms": statistics.quantiles(times, n=20)[-1],
        }
    for case in ("large", "veteran"):
        figures[f"{case}_ratio"] = figures[case]["median_ms"] / figures["small"]["median_ms"]
    return figures


def print_table(figures: dict[str, Any]) -> None:
    rows = {
        "small": f"new person, {SMALL:,} tasks",
        "large": f"new person, {figures['tasks']:,} tasks",
        "veteran": f"{DONE:,} done, {figures['tasks']:,} tasks",
    }
    print(f"{figures['engine']:32} {'first ms':>9} {'median ms':>9} {'p95 ms':>9} {'ratio':>6}")
    for case, name in rows.items():
        times = figures[case]
        ratio = f"{figures[f'{case}_ratio']:.2f}" if case != "small" else ""
        print(
            f"{name:32} {times['first_ms']:9.2f} {times['median_ms']:9.2f}"
            f" {times['p95_ms']:9.2f} {ratio:>6}"
        )
    print(f"Goal: both ratios at most {GOAL}.")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--quick", action="store_true", help=f"{QUICK_LARGE:,} tasks at most")
    parser.add_argument("--json", action="store_true", help="no table, only the JSON object")
    parser.add_argument("--database-url", help="a PostgreSQL server; SQLite unless given")
    options = parser.parse_args()
    with own_databases(options.database_url, "small", "large"):
        figures = measure(QUICK_LARGE if options.quick else LARGE)
    if not options.json:
        print_table(figures)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()

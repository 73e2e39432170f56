"""People who rank as long as something else is measured, and how long they wait."""

import random
import statistics
import threading
import time
from pathlib import Path
from typing import Any

THINKING = 2.0  # seconds between two submissions of one annotator


def let_rank(file: Path, count: int, stop: Path) -> dict[str, Any]:
    """People claim and submit tasks of the file until ``stop`` is there."""
    from annotation.importing import Options, import_prompts
    from annotation.models import Annotator, Project

    import_prompts(file, "people", Options(create=True))
    project = Project.objects.get(slug="people")
    project.tasks.update(wanted=count)
    judges = [Annotator.objects.create(project=project) for _ in range(count)]
    waits: list[float] = []
    errors: list[str] = []
    threads = [threading.Thread(target=work, args=(one, stop, waits, errors)) for one in judges]
    ready(stop).touch()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    found: dict[str, Any] = {"submissions": len(waits), "errors": len(errors)}
    if len(waits) > 1:
        found |= {
            "median_ms": round(1000 * statistics.median(waits)),
            "p99_ms": round(1000 * statistics.quantiles(waits, n=100)[98]),
            "slowest_ms": round(1000 * max(waits)),
        }
    return {"measured": f"submissions of {count} people meanwhile", **found}


def ready(stop: Path) -> Path:
    """Is there once they begin."""
    return stop.with_suffix(".ready")


def work(judge: Any, stop: Path, waits: list[float], errors: list[str]) -> None:
    from annotation.queue import claim
    from annotation.submissions import submit

    while not stop.exists():
        try:
            assignment, _ = claim(judge)
            uids = map(str, assignment.task.completions.values_list("uid", flat=True))
            body = {"ranks": {uid: place for place, uid in enumerate(uids, 1)}}
            started = time.perf_counter()
            submit(assignment.pk, judge, body, key=str(assignment.pk), origin="api")
            waits.append(time.perf_counter() - started)
        except Exception as error:
            errors.append(repr(error))
        time.sleep(random.uniform(0, 2 * THINKING))

"""How long a researcher waits for the explorer, whatever they ask for.

    python -m benchmarks.explorer [--half | --quick] [--rankings N]

Fills a project with 1,000,000 rankings (200,000 with --half, 20,000 with --quick) of four
completions by 100 people, past the guards, in a SQLite of its own or in the empty database that
DATABASE_URL names, which is emptied again. Then asks each question 20 times, on different pages
where there are several, and the page of a task. Prints p50 and p95 of each in seconds as JSON, one
object a line; the last line holds the worst p95, to be at most 0.3 on PostgreSQL.
"""

import argparse
import gc
import json
import os
import random
import statistics
import tempfile
import time
from datetime import timedelta
from typing import Any

from benchmarks._texts import OF_PROMPT, VOCABULARY, text_of

GOAL_SECONDS = 0.3
RANKINGS, HALF, QUICK, PEOPLE, K, TIMES = 1_000_000, 200_000, 20_000, 100, 4, 20
CHUNK = 10_000  # tasks of one transaction
APART = 20  # seconds between two answers
COMMON = "everywhere"  # in each prompt


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="20,000 rankings")
    parser.add_argument("--half", action="store_true", help="200,000 rankings")
    parser.add_argument("--rankings", type=int)
    options = parser.parse_args()
    size = QUICK if options.quick else HALF if options.half else RANKINGS
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="webapp.settings",
            SECRET_KEY="only-for-this-benchmark-" + "x" * 40,
            VAR_DIR=folder,
            BEHIND_TLS="0",
            LOG_LEVEL="WARNING",
        )
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
        print(json.dumps(measure(options.rankings or size)))


def measure(rankings: int) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.management import call_command
    from django.db import connection
    from django.test import Client
    from django.test.utils import setup_test_environment

    from annotation import guards
    from annotation.models import Project, User

    setup_test_environment(debug=False)  # a reply tells what its page was made from

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    if Project.objects.exists():
        raise SystemExit("This database is not empty. Name another one in DATABASE_URL.")
    try:
        began = time.perf_counter()
        fill(rankings)
        filled = time.perf_counter() - began
        gc.freeze()  # what filling left behind is not to be looked through while pages are timed
        client = Client(headers={"host": "localhost"})
        client.force_login(User.objects.get(username="bench"))
        worst = 0.0
        for name, query in questions().items():
            found = ask(client, query)
            worst = max(worst, found["p95"])
            print(json.dumps({"asked": name, **found}), flush=True)
        return {
            "database": connection.vendor,
            "rankings": rankings,
            "fill_seconds": round(filled),
            "worst_p95": worst,
            "goal_seconds": GOAL_SECONDS,
            "load": os.getloadavg()[0],
        }
    finally:
        with guards.suspended():
            call_command("flush", verbosity=0, interactive=False)


def questions() -> dict[str, dict[str, Any]]:
    from annotation.models import Annotator, GuidelineVersion, Snapshot, Source, Submission

    middle = Submission.objects.order_by("pk")[Submission.objects.count() // 2].created_at
    sources = {each.name: each.pk for each in Source.objects.all()}
    judge = Annotator.objects.order_by("pk")[PEOPLE // 2].pseudonym
    old = GuidelineVersion.objects.order_by("pk").first()
    snapshot = Snapshot.objects.get().pk
    return {
        "nothing": {},
        "a rare word": {"words": VOCABULARY[-100]},
        "a middling word": {"words": VOCABULARY[200]},
        "a common word": {"words": VOCABULARY[0]},
        "a word in every prompt": {"words": COMMON},
        "a word in none": {"words": "nowhere"},
        "two common words": {"words": f"{VOCABULARY[0]} {VOCABULARY[1]}"},
        "one annotator": {"annotator": judge},
        "one annotator and a word": {"annotator": judge, "words": VOCABULARY[0]},
        "an old guideline": {"guideline": old and old.pk},
        "a policy of old": {"source": sources["old"]},
        "a rare policy": {"source": sources["rare"]},
        "the test split": {"split": "test"},
        "a kind that is not there": {"kind": "thumbs"},
        "disagreement": {"agreement": "disagreement"},
        "an agreement and a split": {"agreement": "agreed", "split": "validation"},
        "a snapshot": {"snapshot": snapshot},
        "a snapshot and a word": {"snapshot": snapshot, "words": VOCABULARY[1]},
        "up to half-way": {"until": f"{middle:%Y-%m-%d %H:%M:%S.%f}"},
        "an old policy, test, one annotator": {
            "source": sources["old"],
            "split": "test",
            "annotator": judge,
        },
    }


def ask(client: Any, query: dict[str, Any]) -> dict[str, Any]:
    """The first pages, each once more when there are fewer than TIMES."""
    took, rows, cut, task, address = [], 0, 0, "", ""
    for _ in range(TIMES):
        sent: dict[str, Any] = {} if address else {"query_params": query}
        began = time.perf_counter()
        reply = client.get(f"/projects/bench/explore/{address}", **sent)
        took.append(time.perf_counter() - began)
        assert reply.status_code == 200, reply.status_code
        page = reply.context["page"]
        rows, cut = rows + len(page.rows), cut + page.cut
        task = f"{page.rows[0].submission.task_id}" if page.rows else task
        address = reply.context["further"] if page.before else ""
    took.sort()
    found = {"p50": round(statistics.median(took), 3), "p95": round(took[-2], 3)}
    return {**found, "rows_a_page": rows / TIMES, "cut": cut}


def fill(rankings: int) -> None:
    """Tasks of two people each; the newest half under a newer guideline, a tenth doubted."""
    from django.db import connection, transaction

    from annotation import guards
    from annotation.gathering import gather
    from annotation.guidelines import in_force, publish
    from annotation.models import Annotator, Membership, Project, Snapshot, Source, User

    chance = random.Random(0)
    project = Project.objects.create(name="Bench", slug="bench")
    Membership.objects.create(
        project=project, user=User.objects.create(username="bench"), role="manager"
    )
    publish(project, "Prefer what is true.", None)
    first = in_force(project)
    publish(project, "Prefer what is true and short.", None)
    people = Annotator.objects.bulk_create(
        Annotator(project=project, pseudonym=f"p-{number:03}") for number in range(PEOPLE)
    )
    sources = {
        name: Source.objects.create(project=project, kind="model", name=name).pk
        for name in ("old", "new", "rare")
    }
    guidelines = (first and first.pk, project.guidelines.order_by("-pk").values_list("pk")[0][0])
    tasks = rankings // 2
    snapshot = Snapshot.objects.create(
        project=project, name="v1", slug=project.slug, title=project.name
    )
    with guards.suspended():
        for start in range(0, tasks, CHUNK):
            numbers = range(start, min(tasks, start + CHUNK))
            newer = start >= tasks // 2
            with transaction.atomic():
                terms = (project, people, sources, guidelines[newer], snapshot)
                write(chance, numbers, tasks, "new" if newer else "old", *terms)
    gather()
    with connection.cursor() as cursor:
        cursor.execute("VACUUM ANALYZE" if connection.vendor == "postgresql" else "ANALYZE")


def write(
    chance: random.Random,
    numbers: range,
    total: int,
    source: str,
    project: Any,
    people: list[Any],
    sources: dict[str, int],
    guideline: Any,
    snapshot: Any,
) -> None:
    import uuid

    from django.utils import timezone

    from annotation.bulk import insert
    from annotation.models import (
        Assignment,
        Completion,
        Doubt,
        Prompt,
        RankedItem,
        Ranking,
        SnapshotItem,
        Submission,
        Task,
        TaskCompletion,
    )

    here = {"project_id": project.pk}
    splits = ("test", "validation", *["train"] * 8)
    prompts = insert(
        Prompt,
        ("messages", "content_sha256", "group", "split"),
        [
            (
                [{"role": "user", "content": f"{COMMON} {text_of(chance, OF_PROMPT)}"}],
                f"{number:064}",
                f"{number}",
                splits[number % 10],
            )
            for number in numbers
        ],
        **here,
    )
    rare = [number % 5000 == 0 for number in numbers]
    texts = [
        (uuid.uuid4(), prompt, text_of(chance), f"{prompt}-{k}", sources["rare" if odd else source])
        for prompt, odd in zip(prompts, rare, strict=True)
        for k in range(K)
    ]
    made = insert(Completion, ("uid", "prompt_id", "text", "text_sha256", "source_id"), texts)
    tasks = insert(
        Task, ("prompt_id",), [(each,) for each in prompts],
        kind="rank", k=K, wanted=2, taken=2, **here,
    )  # fmt: skip
    by_task = [(task, made[at * K : at * K + K]) for at, task in enumerate(tasks)]
    slots = [(task, each, slot) for task, four in by_task for slot, each in enumerate(four)]
    insert(TaskCompletion, ("task_id", "completion_id", "slot"), slots)
    doubted = [(task,) for at, task in enumerate(tasks) if at % 10 == 0]
    insert(Doubt, ("task_id",), doubted, reason="disagreement", strength=0.5, said="They do.")
    now, left = timezone.now(), 2 * (total - numbers.start)
    answers = [
        (task, judge.pk, four) for task, four in by_task for judge in chance.sample(people, 2)
    ]
    held = insert(
        Assignment, ("task_id", "annotator_id", "order"), answers,
        guideline_id=guideline, state="submitted", claimed_at=now, expires_at=now,
    )  # fmt: skip
    said = insert(
        Submission,
        ("task_id", "annotator_id", "order", "assignment_id", "key", "created_at"),
        [
            (*each, one, f"{one}", now - timedelta(seconds=APART * (left - place)))
            for place, (each, one) in enumerate(zip(answers, held, strict=True))
        ],
        guideline_id=guideline, origin="api", body_sha256="0" * 64, sealed=True, **here,
    )  # fmt: skip
    insert(Ranking, ("submission_id",), [(one,) for one in said])
    insert(
        RankedItem,
        ("ranking_id", "completion_id", "rank"),
        [
            (one, completion, rank)
            for one, (_, _, four) in zip(said, answers, strict=True)
            for rank, completion in enumerate(chance.sample(four, K), 1)
        ],
    )
    kept = [(one,) for one in said[: len(said) // 4]]
    insert(SnapshotItem, ("submission_id",), kept, snapshot_id=snapshot.pk)
    if not snapshot.frozen_at:
        snapshot.sha256, snapshot.frozen_at = "0" * 64, now
        snapshot.save()


if __name__ == "__main__":
    main()

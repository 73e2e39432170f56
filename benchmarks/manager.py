"""How long a manager waits for the pages that say whether the data is good.

    python -m benchmarks.manager [--quick] [--json] [--rankings N]

Fills a project with 100,000 rankings (5,000 with --quick) of four completions by 100 people, three
tenths of the questions judged by three, in a SQLite of its own or in DATABASE_URL, and times each
page: ``first`` when nothing has been measured yet, ``again`` after that (median of five), and
``busy`` after one more answer has come in. Prints a table, and one JSON object on the last line.
"""

import argparse
import json
import os
import statistics
import tempfile
import time
from typing import Any

GOAL_SECONDS = 0.3
RANKINGS, QUICK_RANKINGS, PEOPLE, K = 100_000, 5_000, 100, 4
PAGES = {
    "project": "/projects/bench/",
    "quality": "/projects/bench/quality/",
    "review": "/projects/bench/review/",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="a twentieth of the rankings")
    parser.add_argument("--json", action="store_true", help="the JSON line alone")
    parser.add_argument("--rankings", type=int)
    options = parser.parse_args()
    rankings = options.rankings or (QUICK_RANKINGS if options.quick else RANKINGS)
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="webapp.settings",
            SECRET_KEY="only-for-this-benchmark-" + "x" * 40,
            VAR_DIR=folder,
            BEHIND_TLS="0",
        )
        os.environ.setdefault("DATABASE_URL", f"sqlite:///{folder}/bench.sqlite3")
        found = {"rankings": rankings, "goal_seconds": GOAL_SECONDS, **measure(rankings)}
    if not options.json:
        for name in PAGES:
            each = found[name]
            print(
                f"{name}: first {each['first']:.2f} s, again {each['again']:.3f} s, "
                f"busy {each['busy']:.3f} s"
            )
    print(json.dumps(found))


def measure(rankings: int) -> dict[str, Any]:
    import django

    django.setup()
    from django.core.cache import cache
    from django.core.management import call_command
    from django.test import Client

    from annotation.models import User

    call_command("migrate", verbosity=0)
    call_command("createcachetable", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    cache.clear()
    fill(rankings)
    client = Client()
    client.force_login(User.objects.get(username="bench"))
    return {name: waits(client, address) for name, address in PAGES.items()}


def waits(client: Any, address: str) -> dict[str, float]:
    first = seconds(client, address)
    again = statistics.median(seconds(client, address) for _ in range(5))
    one_more()
    return {"first": first, "again": again, "busy": seconds(client, address)}


def seconds(client: Any, address: str) -> float:
    began = time.perf_counter()
    reply = client.get(address, headers={"host": "localhost"})
    assert reply.status_code == 200, reply.status_code
    return time.perf_counter() - began


def one_more() -> None:
    from annotation.models import Project
    from annotation.queue import claim
    from annotation.submissions import submit
    from tests.cast import full_ranking, give_task

    project = Project.objects.get(slug="bench")
    give_task(project, prompt=f"And {time.time_ns()}?", priority=9)
    annotator = project.annotators.order_by("pk").first()
    assert annotator is not None
    assignment, _ = claim(annotator)
    assert assignment is not None
    key = f"{assignment.pk}"
    submit(assignment.pk, annotator, full_ranking(assignment.task), key=key, origin="api")


def fill(rankings: int) -> None:
    """Straight into the tables: the queue and the seal have benchmarks of their own."""
    import numpy as np
    from django.db import transaction
    from django.utils import timezone

    from annotation import guards
    from annotation.guidelines import in_force, publish
    from annotation.models import (
        Annotator,
        Assignment,
        Completion,
        Membership,
        Project,
        Prompt,
        RankedItem,
        Ranking,
        Source,
        Submission,
        Task,
        TaskCompletion,
        User,
    )

    chance = np.random.default_rng(0)
    project = Project.objects.create(name="Bench", slug="bench", gold_share=0, repeat_share=0)
    manager = User.objects.create(username="bench")
    Membership.objects.create(project=project, user=manager, role="manager")
    publish(project, "Prefer what is true.", None)
    guideline = in_force(project)
    source = Source.objects.create(project=project, kind="model", name="m")
    people = Annotator.objects.bulk_create(
        Annotator(project=project, pseudonym=f"p-{number:03}") for number in range(PEOPLE)
    )
    questions = round(rankings / 1.6)
    wanted = np.where(chance.random(questions) < 0.3, 3, 1)
    now = timezone.now()
    with guards.suspended(), transaction.atomic():
        prompts = Prompt.objects.bulk_create(
            (
                Prompt(
                    project=project,
                    messages=[{"role": "user", "content": f"Question {number}?"}],
                    content_sha256=f"{number:064}",
                    group=f"{number}",
                    split="train",
                )
                for number in range(questions)
            ),
            batch_size=2000,
        )
        completions = Completion.objects.bulk_create(
            (
                Completion(
                    prompt=prompt,
                    source=source,
                    text="word " * int(10 + 20 * chance.random()),
                    text_sha256=f"{slot}",
                    seed=slot,
                )
                for prompt in prompts
                for slot in range(K)
            ),
            batch_size=2000,
        )
        tasks = Task.objects.bulk_create(
            (
                Task(project=project, prompt=prompt, k=K, wanted=int(people_), taken=int(people_))
                for prompt, people_ in zip(prompts, wanted, strict=True)
            ),
            batch_size=2000,
        )
        TaskCompletion.objects.bulk_create(
            (
                TaskCompletion(task=task, completion=completions[place * K + slot], slot=slot)
                for place, task in enumerate(tasks)
                for slot in range(K)
            ),
            batch_size=2000,
        )
        judged = [
            (place, people[int(who)])
            for place, count in enumerate(wanted)
            for who in chance.choice(PEOPLE, int(count), replace=False)
        ]
        assignments = Assignment.objects.bulk_create(
            (
                Assignment(
                    task=tasks[place],
                    annotator=who,
                    state="submitted",
                    guideline=guideline,
                    claimed_at=now,
                    expires_at=now,
                )
                for place, who in judged
            ),
            batch_size=2000,
        )
        submissions = Submission.objects.bulk_create(
            (
                Submission(
                    project=project,
                    task=tasks[place],
                    assignment=assignment,
                    annotator=who,
                    guideline=guideline,
                    order=[completions[place * K + slot].pk for slot in range(K)],
                    seconds=30.0,
                    origin="screen",
                    key=f"{assignment.pk}",
                    body_sha256="0" * 64,
                    sealed=True,
                )
                for (place, who), assignment in zip(judged, assignments, strict=True)
            ),
            batch_size=2000,
        )
        Ranking.objects.bulk_create(
            (Ranking(submission=each) for each in submissions), batch_size=2000
        )
        worth = chance.normal(size=(questions, K))
        RankedItem.objects.bulk_create(
            (
                RankedItem(
                    ranking_id=submission.pk,
                    completion=completions[place * K + slot],
                    rank=int(rank),
                )
                for (place, _), submission in zip(judged, submissions, strict=True)
                for slot, rank in enumerate(
                    1 + np.argsort(np.argsort(-worth[place] - 0.7 * chance.normal(size=K)))
                )
            ),
            batch_size=2000,
        )


if __name__ == "__main__":
    main()

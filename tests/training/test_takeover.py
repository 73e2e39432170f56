"""Workers are killed at every step of a round; it ends once, and nothing is made twice."""

import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from training.methods import METHODS

ROOT = Path(__file__).resolve().parents[2]
LEASE_SECONDS = 2
MIGRATE = """
from django.core.management import call_command
call_command("migrate", verbosity=0)
"""
SEED = """
import json
from annotation import queue
from annotation.submissions import submit
from annotation.tasking import add_prompt
from tests.cast import full_ranking, give_task, make_cast
from training import rounds
from training.simulate import PROMPTS
cast = make_cast()
for number in range(24):
    texts = [f"The cat is {mood} at home, number {number}." for mood in ("happy", "sad")]
    task = give_task(cast.project, *texts, prompt=f"How is the cat on day {number}?")
    assignment, _ = queue.claim(cast.judge)
    submit(assignment.pk, cast.judge, full_ranking(task), key=f"k{number}", origin="api")
for line in PROMPTS.read_text().splitlines():
    add_prompt(cast.project, json.loads(line)["prompt"])
rounds.start(cast.project, method=METHOD, trigger="hand", by="test", seed=1, configuration={
    "minimum_rankings": 5, "queue_prompts": 6, "evaluation_prompts": 6,
    "reward": {"layer": 1.0, "l2": 1.0}, "preference": {"learning_rate": 1e-3, "epochs": 4},
    "ppo": {"learning_rate": 1e-3, "epochs": 2, "max_new_tokens": 24,
            "missing_eos_penalty": 0.0},
    "sampling": {"max_new_tokens": 64},
    "limits": {"perplexity_ratio": 50.0, "distinct_2_ratio": 0.01, "repetition": 1.0}})
"""
WORK = "from training.worker import work; work('gpu')"
LOOK = """
import json
from django.db.models import Count
from annotation.models import Completion, Task
from training.models import Job, Policy, Round
round = Round.objects.get()
twice = Completion.objects.filter(seed__isnull=False).values("prompt", "source", "seed")
print(json.dumps({
    "state": round.state, "outcome": round.outcome, "kinds": sorted(
        Job.objects.filter(attempt__gt=1).values_list("kind", flat=True).distinct()),
    "active": Policy.objects.filter(state="active").count(),
    "policies": Policy.objects.count(),
    "twice": twice.annotate(n=Count("pk")).filter(n__gt=1).count(),
    "tasks": Task.objects.filter(key__startswith="round:").count(),
    "unfinished": Job.objects.exclude(state="done").count(),
}))
"""


@pytest.fixture
def site(tmp_path, tiny_folder):
    """A database and a folder of its own, as another process sees them."""
    return os.environ | {
        "DJANGO_SETTINGS_MODULE": "tests.settings",
        "VAR_DIR": str(tmp_path),
        "DATABASE_URL": f"sqlite:///{tmp_path / 'site.sqlite3'}",
        "BASE_MODEL": str(tiny_folder),
        "JOB_LEASE_SECONDS": str(LEASE_SECONDS),
        "JOB_SLICE_SECONDS": "2",
    }


def python(site, code):
    command = [sys.executable, "-c", f"import django; django.setup()\n{code}"]
    return subprocess.Popen(command, cwd=ROOT, env=site, stdout=subprocess.PIPE, text=True)


def answer(site, code):
    process = python(site, code)
    out, _ = process.communicate(timeout=120)
    assert process.returncode == 0
    return out


def kill_worker_in(site, kind, database):
    """Start a worker and kill it -9 while it does a job of this kind."""
    import sqlite3

    worker = python(site, WORK)
    end = time.monotonic() + 90
    query = "SELECT COUNT(*) FROM training_job WHERE state = 'running' AND kind = ? AND attempt = 1"
    while time.monotonic() < end and worker.poll() is None:
        with sqlite3.connect(database, timeout=10) as connection:
            if connection.execute(query, [kind]).fetchone()[0]:
                break
        time.sleep(0.01)
    worker.send_signal(signal.SIGKILL)
    worker.wait()


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("method", ["dpo", "ppo"])
def test_a_round_survives_a_kill_in_every_step(site, tmp_path, method):
    import json

    answer(site, MIGRATE)
    answer(site, f"METHOD = {method!r}\n{SEED}")
    for kind in METHODS[method].steps:
        kill_worker_in(site, kind, tmp_path / "site.sqlite3")
        time.sleep(LEASE_SECONDS + 1)
    answer(site, WORK)
    seen = json.loads(answer(site, LOOK))
    assert seen["state"] == "done", seen
    assert len(seen["kinds"]) >= 3, seen  # as many steps as were caught at work
    assert (seen["active"], seen["policies"]) == (1, 2), seen
    assert (seen["twice"], seen["unfinished"]) == (0, 0), seen
    assert 0 < seen["tasks"] <= 6, seen

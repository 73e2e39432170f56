"""The Celery application: its clock, its messages, and how its workers end."""

import subprocess
import sys

import pytest

from tests.databases import ROOT, Database, sqlite_database
from tests.webapp.processes import eventually
from webapp.celery import app


@pytest.fixture(scope="module")
def tasks():
    app.loader.import_default_modules()
    return app.tasks


def test_all_that_the_clock_sends_is_there_to_be_done(tasks):
    scheduled = {each["task"] for each in app.conf.beat_schedule.values()}

    assert scheduled == {
        "training.tasks.tick",
        "annotation.tasks.expire_leases",
        "annotation.tasks.gather_words",
        "annotation.tasks.make_repeats",
        "annotation.tasks.measure",
        "annotation.tasks.take_in",
    }
    assert scheduled <= tasks.keys()


def test_what_the_clock_sent_long_ago_is_thrown_away():
    for each in app.conf.beat_schedule.values():
        assert each["schedule"] < each["options"]["expires"] <= 60


def test_messages_are_json_and_leave_no_result():
    assert app.conf.accept_content == ["json"]
    assert app.conf.task_serializer == "json"
    assert app.conf.task_ignore_result is True


ASK = """
import django
django.setup()
from training import jobs, tasks
jobs.ask("features", "a-long-one")
tasks.work.apply_async(args=("gpu",), queue="gpu")
"""
JOB = "SELECT state, attempt FROM training_job"


@pytest.fixture
def database(tmp_path):
    with sqlite_database(tmp_path) as database:
        yield Embedded(database.url, tmp_path)


class Embedded(Database):
    """A database with a broker in a folder beside it, as on one machine."""

    def __post_init__(self):
        super().__post_init__()
        here = {"DJANGO_SETTINGS_MODULE": "webapp.settings", "SECRET_KEY": "for-a-test" * 6}
        self.env.update(here, CELERY_BROKER_URL="filesystem://localhost")


def test_a_worker_that_is_told_to_end_gives_its_job_back(database):
    database.run("-c", ASK)
    worker = subprocess.Popen(
        [sys.executable, "-m", "tests.webapp.sleepy_worker"], cwd=ROOT, env=database.env
    )
    try:
        eventually(lambda: database.rows(JOB) == [("running", 1)], 60)

        worker.terminate()

        assert worker.wait(timeout=60) == 0
        assert database.rows(JOB) == [("pending", 0)]
    finally:
        worker.kill()
        worker.wait()

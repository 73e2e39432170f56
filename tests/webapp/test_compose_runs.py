"""The commands of compose.yaml and the Dockerfile, run as they stand, without containers.

Only what belongs to a machine is replaced: the services' addresses, the port, the folder, and the
patience with a worker that is busy.
"""

import fcntl
import os
import signal
import socket
import subprocess
import sys
import tempfile
import uuid
from contextlib import contextmanager, suppress
from http.client import HTTPConnection
from pathlib import Path
from urllib.parse import urlsplit, urlunsplit

import psycopg
import pytest
import redis

from tests.services import needs_postgres, needs_redis
from tests.webapp.containers import (
    ROOT,
    read_compose,
    service_check,
    service_command,
    service_environment,
)
from tests.webapp.processes import eventually

pytestmark = [pytest.mark.postgres, pytest.mark.redis]
SERVICES = read_compose()["services"]
QUEUE_DATABASE = "/13"  # of Redis; no other test speaks to it
TICK = "training.tasks.tick"


class Stack:
    """The services of compose.yaml on this machine."""

    def __init__(self, folder, database_url, redis_url):
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        self.folder = folder
        # A container sees its own `var` and writes to nothing else.
        for name in ("annotation", "training", "webapp", "templates", "manage.py"):
            (folder / name).symlink_to(ROOT / name)
        (folder / "requirements-model.txt").symlink_to(ROOT / "requirements-model.txt")
        self.local = {
            "PATH": f"{Path(sys.executable).parent}:/usr/bin:/bin",
            "HOSTNAME": socket.gethostname(),
            "PYTHONPATH": str(folder),
            "VAR_DIR": str(folder / "var"),
            "STATIC_ROOT": str(folder / "staticfiles"),
            "DATABASE_URL": database_url,
            "REDIS_URL": redis_url,
            "BASE_MODEL": str(folder / "a-model-of-ones-own"),
        }
        self.running = {}

    def environment(self, name):
        secrets = {"SECRET_KEY": uuid.uuid4().hex * 2, "POSTGRES_PASSWORD": "unused"}
        return service_environment(SERVICES[name], secrets) | self.local

    def place(self, command):
        return [
            each.replace("8000", str(self.port)).replace("--timeout 100", "--timeout 5")
            for each in command
        ]

    def run(self, name, command):
        return subprocess.run(
            self.place(command),
            cwd=self.folder,
            env=self.environment(name),
            capture_output=True,
            text=True,
            timeout=150,
        )

    def start(self, name):
        """Unless it runs already."""
        if name in self.running:
            return
        log = (self.folder / f"{name}.log").open("w")
        self.running[name] = subprocess.Popen(
            self.place(service_command(SERVICES[name])),
            cwd=self.folder,
            env=self.environment(name),
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def is_healthy(self, name):
        self.start(name)
        assert self.running[name].poll() is None, (self.folder / f"{name}.log").read_text()
        return self.run(name, service_check(SERVICES[name])).returncode == 0

    def stop(self, name):
        """As a container is stopped: SIGTERM to its first process. Returns the exit status."""
        process = self.running.pop(name)
        process.terminate()
        try:
            return process.wait(timeout=60)
        finally:
            kill_group(process)

    def stop_all(self):
        for process in self.running.values():
            kill_group(process)
            process.wait()


def kill_group(process):
    with suppress(ProcessLookupError):  # all of it has ended
        os.killpg(process.pid, signal.SIGKILL)


@contextmanager
def one_at_a_time():
    """Two stacks on one Redis would take each other's messages."""
    with (Path(tempfile.gettempdir()) / "concord-compose-test.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        yield


@contextmanager
def empty_database(server):
    name = f"concord_compose_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            yield urlunsplit(urlsplit(server)._replace(path=f"/{name}"))
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')


@pytest.fixture(scope="module")
def stack(tmp_path_factory):
    redis_url = urlunsplit(urlsplit(needs_redis())._replace(path=QUEUE_DATABASE))
    with one_at_a_time(), empty_database(needs_postgres()) as database_url:
        stack = Stack(tmp_path_factory.mktemp("compose"), database_url, redis_url)
        try:
            migrated = stack.run("migrate", service_command(SERVICES["migrate"]))
            assert migrated.returncode == 0, migrated.stderr
            collected = stack.run("web", ["python", "manage.py", "collectstatic", "--noinput"])
            assert collected.returncode == 0, collected.stderr
            yield stack
        finally:
            stack.stop_all()
            redis.Redis.from_url(redis_url).flushdb()


def test_migrating_again_changes_nothing(stack):
    again = stack.run("migrate", service_command(SERVICES["migrate"]))

    assert again.returncode == 0
    assert "No migrations to apply" in again.stdout


def test_a_model_of_ones_own_is_left_alone(stack):
    done = stack.run("base-model", service_command(SERVICES["base-model"]))

    assert (done.returncode, done.stdout) == (0, "The base model is ready.\n")


def test_the_site_is_healthy_and_ready(stack):
    eventually(lambda: stack.is_healthy("web"), 60)

    assert ask(stack, "/readyz") == 200


def test_plain_requests_are_sent_to_https(stack):
    eventually(lambda: stack.is_healthy("web"), 60)

    assert ask(stack, "/accounts/login/") == 301
    assert ask(stack, "/accounts/login/", {"X-Forwarded-Proto": "https"}) == 200


def ask(stack, path, headers=None):
    connection = HTTPConnection("127.0.0.1", stack.port, timeout=10)
    connection.request("GET", path, headers={"Host": "localhost", **(headers or {})})
    return connection.getresponse().status


@pytest.mark.parametrize("name", ["worker-default", "worker-gpu", "beat"])
def test_it_is_healthy(stack, name):
    eventually(lambda: stack.is_healthy(name), 60)


def test_the_clock_reaches_the_worker(stack):
    stack.start("beat")
    stack.start("worker-default")
    counts = ["celery", "--app", "webapp", "inspect", "stats", "--json"]

    eventually(lambda: TICK in stack.run("worker-default", counts).stdout, 60)


def test_a_check_fails_where_nobody_answers(stack):
    command = service_check(SERVICES["worker-gpu"])
    elsewhere = [each.replace("gpu@", "nobody@") for each in command]

    assert stack.run("worker-gpu", elsewhere).returncode != 0


@pytest.mark.parametrize("name", ["web", "worker-gpu", "worker-default", "beat"])
def test_it_stops_when_it_is_told_to(stack, name):
    eventually(lambda: stack.is_healthy(name), 60)

    assert stack.stop(name) == 0

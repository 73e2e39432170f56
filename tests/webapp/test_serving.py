"""The demonstration as a whole: set up once, served, stopped, with nobody left behind."""

import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
from http.client import HTTPConnection
from pathlib import Path

import pytest

from tests.webapp.processes import eventually, with_environment
from webapp.demo.completions import Shipped

ROOT = Path(__file__).resolve().parents[2]
LISTENING, LOOPBACK = "0A", "0100007F"
SERVICES = (
    "DATABASE_URL",
    "REDIS_URL",
    "CELERY_BROKER_URL",
    "DJANGO_SETTINGS_MODULE",
    "SECRET_KEY",
    "PYTHONUNBUFFERED",
)


class Site:
    """A demonstration in a folder of its own, as ``make demo`` would set it up."""

    def __init__(self, folder):
        self.folder = folder
        self.environment = {
            **{name: value for name, value in os.environ.items() if name not in SERVICES},
            "VAR_DIR": str(folder),
            "STATIC_ROOT": str(folder / "static"),
            "BASE_MODEL": str(folder / "no-model"),  # or 93 MB would be fetched
        }
        (folder / "secret-key").write_text("a-key-for-the-demonstration-in-a-test" * 2)

    def manage(self, *arguments):
        return subprocess.run(
            [sys.executable, "manage.py", *arguments],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=120,
        )

    def serve(self, port):
        return subprocess.Popen(
            [sys.executable, "manage.py", "serve", "--port", str(port)],
            cwd=ROOT,
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
        )

    def processes(self):
        return with_environment("VAR_DIR", str(self.folder))

    def counts(self):
        with sqlite3.connect(self.folder / "concord.sqlite3") as connection:
            return [
                connection.execute(f"SELECT count(*) FROM {table}").fetchone()[0]
                for table in (
                    "annotation_task",
                    "annotation_completion",
                    "annotation_user",
                    "annotation_guidelineversion",
                    "knox_authtoken",
                )
            ]


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    site = Site(tmp_path_factory.mktemp("demo"))
    done = site.manage("demo_setup")
    assert done.returncode == 0, done.stderr
    yield site
    for pid in site.processes():
        os.kill(pid, signal.SIGKILL)


@pytest.fixture
def port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def test_setting_up_again_changes_nothing(site):
    users, counts = (site.folder / "demo-users.json").read_bytes(), site.counts()

    again = site.manage("demo_setup")

    assert (again.returncode, again.stdout) == (0, "")
    assert (site.folder / "demo-users.json").read_bytes() == users
    assert site.counts() == counts
    shipped = Shipped.read().answers
    assert counts[:2] == [len(shipped), sum(len(sampled) for _, sampled in shipped)]


def test_it_serves_until_it_is_told_to_stop_and_leaves_nobody_behind(site, port):
    serving = site.serve(port)
    said = read_until(serving, "Ctrl-C to stop")

    assert f"http://127.0.0.1:{port}/" in said
    for each in json.loads((site.folder / "demo-users.json").read_text()).values():
        assert each["username"] in said
        assert each["password"] in said
    assert get(port, "/accounts/login/") == 200
    assert get(port, "/readyz") == 200
    assert listening_on(port) == {LOOPBACK}
    assert len(site.processes()) >= 5  # supervisor, web, two workers, beat

    serving.send_signal(signal.SIGINT)

    assert serving.wait(timeout=60) == 0
    assert site.processes() == set()


def test_a_kill_leaves_nobody_behind_either(site, port):
    serving = site.serve(port)
    read_until(serving, "Ctrl-C to stop")

    serving.kill()
    serving.wait()

    eventually(lambda: not site.processes())


def test_only_one_serves_a_folder(site, port):
    serving = site.serve(port)
    read_until(serving, "Ctrl-C to stop")

    second = site.manage("serve", "--port", str(port + 1))

    assert second.returncode == 1
    assert "running already" in second.stderr
    serving.terminate()
    assert serving.wait(timeout=60) == 0


def test_a_port_that_is_taken_is_said_to_be(site):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]

        done = site.manage("serve", "--port", str(port))

    assert done.returncode == 1
    assert done.stderr.strip() == (
        f"CommandError: Port {port} is taken by another program. "
        f"Choose another one: make demo PORT={port + 1}"
    )
    assert site.processes() == set()


def read_until(process, words):
    said = ""
    while words not in said:
        line = process.stdout.readline()
        assert line, said
        said += line
    return said


def get(port, path):
    connection = HTTPConnection("127.0.0.1", port, timeout=10)
    connection.request("GET", path)
    return connection.getresponse().status


def listening_on(port):
    """The addresses on which something listens at this port, as Linux writes them."""
    found = set()
    for table in ("tcp", "tcp6"):
        for line in Path(f"/proc/net/{table}").read_text().splitlines()[1:]:
            local, _, state = line.split()[1:4]
            address, _, number = local.partition(":")
            if state == LISTENING and int(number, 16) == port:
                found.add(address)
    return found

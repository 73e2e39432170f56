"""Large downloads from the web server that runs in production: in constant memory, leaving room for
others, and nothing behind when a client goes away."""

import http.client
import io
import os
import signal
import socket
import subprocess
import zipfile
from contextlib import closing
from pathlib import Path

import pytest

from annotation.exporting.downloads import AT_ONCE
from tests.databases import ROOT
from tests.webapp.processes import eventually
from webapp.embedded import HOST, WEB_THREADS, answers, web_command

RANKINGS, CHARACTERS = 800, 8_000
FILL = f"""
import django
django.setup()
import json, random
from django.conf import settings
from django.core.management import call_command
from annotation.importing import Options, import_rankings
from annotation.snapshots import freeze
from annotation.tokens import issue
from tests.annotation.interchange import ranking
from tests.cast import make_cast
call_command("createcachetable", verbosity=0)
cast, chance = make_cast(), random.Random(0)
path = settings.VAR_DIR / "rankings.jsonl"
with path.open("w") as file:
    for number in range({RANKINGS}):
        texts = [chance.randbytes({CHARACTERS} // 2).hex() for _ in range(4)]
        file.write(json.dumps(ranking(f"Question {{number}}?", texts, ranks=[1, 2, 3, 4])) + "\\n")
import_rankings(path, "tides", Options())
print(freeze(cast.project, "all").pk, issue(cast.researcher))
"""


def peak_of(pid):
    """The most memory that a process has had, in bytes."""
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    (found,) = [line.split()[1] for line in lines if line.startswith("VmHWM:")]
    return 1024 * int(found)


class Site:
    """The web server alone, over a project with one large snapshot."""

    def __init__(self, database, port):
        snapshot, self.token = database.run("-c", FILL).split()
        self.port, self.folder = port, database.folder
        self.path = f"/api/v1/projects/tides/snapshots/{snapshot}/exports/"
        self.process = subprocess.Popen(
            web_command(port),
            cwd=ROOT,
            env={**database.env, "ALLOWED_HOSTS": HOST},
            start_new_session=True,
        )
        self.connections = []

    def ask(self, path):
        """A reply, its body yet to be read."""
        connection = http.client.HTTPConnection(HOST, self.port, timeout=60)
        connection.request("GET", path, headers={"Authorization": f"Token {self.token}"})
        self.connections.append(connection)
        return connection.getresponse()

    def leave(self):
        """Every client goes away, wherever it is."""
        while self.connections:
            self.connections.pop().close()

    def worker(self):
        """Of the server's children the one that serves, which is the largest."""
        told = Path(f"/proc/{self.process.pid}/task/{self.process.pid}/children").read_text()
        return max(map(int, told.split()), key=peak_of)

    def peak(self):
        return peak_of(self.worker())

    def nameless_files(self):
        """Open files in the site's folder that have no name (any more)."""
        found = []
        for link in Path(f"/proc/{self.worker()}/fd").iterdir():
            target = os.readlink(link) if link.is_symlink() else ""
            if target.startswith(str(self.folder)) and target.endswith("(deleted)"):
                found.append(target)
        return found


@pytest.fixture
def site(database):
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port = probe.getsockname()[1]
    site = Site(database, port)
    try:
        eventually(lambda: answers(port))
        yield site
    finally:
        site.leave()
        os.killpg(site.process.pid, signal.SIGKILL)
        site.process.wait()


def length_of(reply):
    size = 0
    while block := reply.read(1 << 20):
        size += len(block)
    return size


def test_a_large_file_goes_out_whole_and_takes_no_memory_of_its_size(site):
    with closing(site.ask(f"{site.path}trl/?split=test")) as reply:
        assert length_of(reply) > 1_000_000  # what any download loads is loaded now
    before = site.peak()
    with closing(site.ask(f"{site.path}trl/")) as reply:
        size = length_of(reply)
    assert size > RANKINGS * 6 * 2 * CHARACTERS
    assert site.peak() - before < size / 2
    with closing(site.ask(f"{site.path}trl/")) as reply:
        assert int(reply.headers["Content-Length"]) == size
    with (
        closing(site.ask(f"{site.path}hf/")) as reply,
        zipfile.ZipFile(io.BytesIO(reply.read())) as archive,
    ):
        assert archive.testzip() is None
    assert site.nameless_files() == []


def test_clients_that_read_slowly_leave_room_and_those_that_go_away_nothing(site):
    assert AT_ONCE < WEB_THREADS
    for format in ("trl", "hf"):
        slow = [site.ask(f"{site.path}{format}/") for _ in range(AT_ONCE)]
        for reply in slow:
            assert (reply.status, len(reply.read(1000))) == (200, 1000)
        assert answers(site.port)
        with closing(site.ask(f"{site.path}{format}/")) as reply:
            assert reply.status == 429
        assert bool(site.nameless_files()) == (format == "hf")
        for reply in slow:
            reply.close()
        site.leave()
        eventually(lambda: not site.nameless_files())
        eventually(lambda: site.ask(f"{site.path}csv/?split=test").status == 200)
        site.leave()

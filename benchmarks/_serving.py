"""A site with tasks to rank, served as ``serve`` does it, and the time its server takes."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path

WORDS = ("the", "sea", "is", "salty", "because", "rivers", "carry", "minerals", "from", "rocks")
PATIENCE = 120  # s for a server to start


@contextmanager
def new_site(tasks: int) -> Iterator[str]:
    """A site of its own in an empty folder, which the settings of this process then name: SQLite,
    and a project with tasks. Yields the session of the one who is to rank them."""
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as folder:
        os.environ.update(
            DJANGO_SETTINGS_MODULE="webapp.settings",
            SECRET_KEY="only-for-this-benchmark-" + "x" * 40,
            VAR_DIR=folder,
            DATABASE_URL=f"sqlite:///{folder}/bench.sqlite3",
            DJANGO_ALLOW_ASYNC_UNSAFE="1",
            BEHIND_TLS="0",
        )
        yield _prepare(tasks)


def _prepare(tasks: int) -> str:
    import django

    django.setup()
    from django.conf import settings
    from django.core.management import call_command
    from django.test import Client

    from tests.cast import give_task, make_cast

    call_command("migrate", verbosity=0)
    call_command("collectstatic", verbosity=0, interactive=False)
    cast = make_cast()
    for prompt, answers in questions(tasks):
        give_task(cast.project, *answers, prompt=prompt)
    client = Client()
    client.force_login(cast.annotator)
    return client.cookies[settings.SESSION_COOKIE_NAME].value


def questions(count: int) -> Iterator[tuple[str, list[str]]]:
    """Prompts with four answers of 150 words each."""
    chance = random.Random(0)
    for number in range(count):
        answers = [" ".join(chance.choices(WORDS, k=150)) for _ in range(4)]
        yield f"Why is sea number {number} salty?", answers


@contextmanager
def serving(port: int) -> Iterator[subprocess.Popen[bytes]]:
    """The site's web server."""
    from webapp.embedded import answers, web_command

    with running(web_command(port), lambda: answers(port)) as server:
        yield server


@contextmanager
def running(
    command: Sequence[str],
    is_ready: Callable[[], bool],
    env: Mapping[str, str] | None = None,
    cwd: Path | None = None,
) -> Iterator[subprocess.Popen[bytes]]:
    """A web server, once it answers. Exits when it does not."""
    quiet = subprocess.DEVNULL
    server = subprocess.Popen(command, stdout=quiet, stderr=quiet, env=env, cwd=cwd)
    try:
        until = time.monotonic() + PATIENCE
        while not is_ready():
            if time.monotonic() > until or server.poll() is not None:
                sys.exit(f"The web server did not start: {' '.join(command)}")
            time.sleep(0.1)
        yield server
    finally:
        server.terminate()
        server.wait()


def cpu_seconds(server: subprocess.Popen[bytes]) -> float:
    """Of the server and its children: utime and stime of proc(5)."""
    ticks = os.sysconf("SC_CLK_TCK")
    total = 0.0
    for pid in (server.pid, *_children(server.pid)):
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        total += sum(map(int, fields[11:13])) / ticks
    return total


def _children(pid: int) -> list[int]:
    found = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
    return [each for child in map(int, found) for each in (child, *_children(child))]

"""The whole site on one machine: which programs it takes, and whether it is there yet."""

import fcntl
import socket
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from http.client import HTTPConnection, HTTPException
from pathlib import Path

from annotation.errors import Conflict
from webapp.supervisor import Program

HOST = "127.0.0.1"
WEB_THREADS = 8
ENVIRONMENT = {
    "PYTHONUNBUFFERED": "1",
    "BEHIND_TLS": "0",  # nothing stands between this machine's browser and the server
    "DJANGO_SETTINGS_MODULE": "webapp.settings",
}
WORKER_ENVIRONMENT = ENVIRONMENT | {
    # Messages are JSON only, which is what Celery's warning to root is about.
    "PYTHONWARNINGS": "ignore:You're running the worker with superuser privileges",
}


def programs(port: int) -> list[Program]:
    """Web server, one worker for each queue, and the clock that wakes them."""
    return [
        Program("web", web_command(port), ENVIRONMENT, essential=True),
        Program("worker-default", worker_command("default"), WORKER_ENVIRONMENT),
        # Training takes every core it gets; whoever is ranking meanwhile goes first.
        Program("worker-gpu", worker_command("gpu"), WORKER_ENVIRONMENT, niceness=10),
        Program("beat", celery_command("beat", "--pidfile="), ENVIRONMENT),
    ]


def web_command(port: int) -> Sequence[str]:
    command = [sys.executable, "-m", "granian", "--interface", "wsgi", "--no-ws"]
    command += ["--host", HOST, "--port", str(port), "--workers", "1"]
    command += ["--blocking-threads", str(WEB_THREADS), "--log-level", "warning"]
    return [*command, "webapp.wsgi:application"]


def worker_command(queue: str) -> Sequence[str]:
    command = celery_command("worker", "--queues", queue, "--hostname", f"{queue}@%h")
    # One process a queue, in this process: CUDA does not survive a fork.
    command += ["--pool", "solo", "--without-gossip", "--without-mingle", "--without-heartbeat"]
    return command


def celery_command(name: str, *options: str) -> list[str]:
    command = [sys.executable, "-m", "celery", "--app", "webapp", "--quiet", name]
    return [*command, "--loglevel", "WARNING", *options]


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """While the block runs, nobody else sets up or serves this folder. Raises Conflict."""
    with (folder / "serve.lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise Conflict(
                f"Concord is running already with the data in {folder}. Stop it first, or set "
                "VAR_DIR to another folder."
            ) from None
        yield


def check_port(port: int) -> None:
    """Raises Conflict when another program has this port."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            raise Conflict(
                f"Port {port} is taken by another program. Choose another one: "
                f"make demo PORT={port + 1}"
            ) from None


def answers(port: int) -> bool:
    """Whether the site says that it is ready."""
    connection = HTTPConnection(HOST, port, timeout=2)
    try:
        connection.request("GET", "/readyz")
        return connection.getresponse().status == 200
    except (OSError, HTTPException):
        return False
    finally:
        connection.close()

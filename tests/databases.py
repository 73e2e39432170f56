"""Databases of their own, for tests that start real processes."""

import os
import subprocess
import sys
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import psycopg

ROOT = Path(__file__).resolve().parent.parent


@dataclass(frozen=True)
class Database:
    """A database apart from the suite's. ``start`` runs Python with it; ``rows`` asks it directly,
    past Django and everything that is being tested.
    """

    url: str
    folder: Path
    env: dict[str, str] = field(init=False)

    def __post_init__(self) -> None:
        env = {
            **os.environ,
            "DATABASE_URL": self.url,
            "VAR_DIR": str(self.folder),
            "DJANGO_SETTINGS_MODULE": "tests.settings",
        }
        object.__setattr__(self, "env", env)

    def start(self, *arguments: str) -> subprocess.Popen[str]:
        return subprocess.Popen(
            [sys.executable, *arguments],
            cwd=ROOT,
            env=self.env,
            text=True,
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def run(self, *arguments: str) -> str:
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        assert process.returncode == 0, err
        return out

    def rows(self, sql: str) -> list[tuple[Any, ...]]:
        if self.url.startswith("sqlite"):
            import sqlite3

            with sqlite3.connect(self.url.removeprefix("sqlite:///")) as connection:
                return connection.execute(sql).fetchall()
        with psycopg.connect(self.url) as connection:
            return connection.execute(sql).fetchall()


@contextmanager
def sqlite_database(folder: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{folder / 'test.sqlite3'}", folder)
    database.run("manage.py", "migrate", "--skip-checks", "--verbosity=0")
    yield database


@contextmanager
def postgres_database(server: str, folder: Path) -> Iterator[Database]:
    """A new database on the server of this URL, dropped at the end."""
    name = f"concord_test_{uuid.uuid4().hex[:12]}"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f'CREATE DATABASE "{name}"')
        try:
            database = Database(urlunsplit(urlsplit(server)._replace(path=f"/{name}")), folder)
            database.run("manage.py", "migrate", "--skip-checks", "--verbosity=0")
            yield database
        finally:
            connection.execute(f'DROP DATABASE "{name}" WITH (FORCE)')

"""A site of its own for commands that run as processes: its database outlives each of them."""

import os
import signal
import sqlite3
import subprocess
import sys
from contextlib import closing
from pathlib import Path

from django.conf import settings
from django.db import connection

MANAGE = Path(settings.BASE_DIR) / "manage.py"


class Site:
    """An empty, migrated database, SQLite in a folder or beside the suite's own on PostgreSQL."""

    def __init__(self, folder: Path) -> None:
        self.environment = {
            **os.environ,
            "DJANGO_SETTINGS_MODULE": "tests.settings",
            "VAR_DIR": str(folder / "var"),
        }
        self.name = f"{connection.settings_dict['NAME']}_commands"
        if connection.vendor == "postgresql":
            self._maintain("DROP DATABASE IF EXISTS", "WITH (FORCE)")
            self._maintain("CREATE DATABASE")
            self.environment["DATABASE_URL"] = _url(self.name)
        self.run("migrate", "-v0")

    def _maintain(self, verb: str, end: str = "") -> None:
        import psycopg

        with psycopg.connect(_url("postgres"), autocommit=True) as server:
            server.execute(f'{verb} "{self.name}" {end}')

    def close(self) -> None:
        if connection.vendor == "postgresql":
            self._maintain("DROP DATABASE IF EXISTS", "WITH (FORCE)")

    def start(self, *arguments) -> subprocess.Popen:
        return subprocess.Popen(
            [sys.executable, str(MANAGE), *map(str, arguments)],
            env=self.environment,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            # A shell has what it runs in the background ignore interrupts, and that is inherited.
            preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
        )

    def run(self, *arguments) -> subprocess.CompletedProcess:
        """Run a command to its end, whatever its end."""
        process = self.start(*arguments)
        out, err = process.communicate(timeout=120)
        return subprocess.CompletedProcess(arguments, process.returncode, out, err)

    def query(self, statement: str) -> list[tuple]:
        """The rows that a statement finds in the site's database."""
        if connection.vendor == "postgresql":
            import psycopg

            with psycopg.connect(_url(self.name)) as database:
                return database.execute(statement).fetchall()
        file = Path(self.environment["VAR_DIR"]) / "concord.sqlite3"
        with closing(sqlite3.connect(file)) as database:
            return database.execute(statement).fetchall()


def _url(database: str) -> str:
    made = connection.settings_dict
    login = f"{made['USER']}:{made['PASSWORD']}" if made["PASSWORD"] else made["USER"]
    return f"postgres://{login}@{made['HOST']}:{made['PORT'] or 5432}/{database}"

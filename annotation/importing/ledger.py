"""What a pass over a file has seen so far, kept on disk, so that its memory does not grow."""

import sqlite3


class Ledger:
    """Counts names and remembers what first stood under each."""

    def __init__(self) -> None:
        # The empty path is SQLite's own temporary file: it spills to disk and goes by itself.
        self._database = sqlite3.connect("", isolation_level=None)
        self._database.execute("PRAGMA journal_mode = OFF")
        self._database.execute("PRAGMA synchronous = OFF")
        self._database.execute(
            "CREATE TABLE seen (name TEXT PRIMARY KEY, times INTEGER, value TEXT, line INTEGER)"
            " WITHOUT ROWID"
        )
        self._database.execute("BEGIN")

    def count(self, name: str) -> int:
        """How often this name has come, this time included."""
        return self._add(name, "", 0)[0]

    def first(self, name: str, value: str, line: int) -> tuple[str, int]:
        """The value and the line that first stood under this name: these ones, when it is new."""
        return self._add(name, value, line)[1:]

    def _add(self, name: str, value: str, line: int) -> tuple[int, str, int]:
        ((times, first, where),) = self._database.execute(
            "INSERT INTO seen VALUES (?, 1, ?, ?)"
            " ON CONFLICT (name) DO UPDATE SET times = times + 1 RETURNING times, value, line",
            (name, value, line),
        ).fetchall()
        return times, first, where

    def close(self) -> None:
        self._database.close()

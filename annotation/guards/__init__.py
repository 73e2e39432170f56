"""The database's own defences: triggers for SQLite and PostgreSQL, written once.

Constraints hold one row; these hold what spans rows: the seal, immutability, the counter that
makes over-assignment impossible (``rules``). SQLite loses a table's triggers whenever Django
rebuilds the table, so they are dropped before a migration and installed after it
(``annotation.apps``).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from django.db import connection as default_connection
from django.db import connections
from django.db.backends.base.base import BaseDatabaseWrapper

from annotation.guards.guard import Guard
from annotation.guards.rules import GUARDS, NEVER_TRUNCATED

PREFIX = "guard_"


def _timing(guard: Guard) -> str:
    return guard.event if guard.event.startswith("AFTER") else f"BEFORE {guard.event}"


def _quote(message: str) -> str:
    return message.replace("'", "''")


def _sqlite_statements(guard: Guard) -> list[str]:
    when = f" WHEN {guard.when}" if guard.when else ""
    body = guard.action or "; ".join(
        f"SELECT RAISE(ABORT, '{_quote(message)}') WHERE {condition}"
        for condition, message in guard.refuse
    )
    return [
        f"CREATE TRIGGER {PREFIX}{guard.name} {_timing(guard)} ON {guard.table}"
        f" FOR EACH ROW{when} BEGIN {body}; END"
    ]


def _postgres_statements(guard: Guard) -> list[str]:
    when = f" WHEN ({guard.when})" if guard.when else ""
    body = (
        f"{guard.action};"
        if guard.action
        else "".join(
            f" IF {condition} THEN RAISE EXCEPTION '{_quote(message)}'"
            " USING ERRCODE = 'check_violation'; END IF;"
            for condition, message in guard.refuse
        )
    )
    name = f"{PREFIX}{guard.name}"
    row = "OLD" if guard.event.endswith("DELETE") else "NEW"
    # Or replace: a table that a migration took back has taken its triggers along, not these.
    return [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        f" $$ BEGIN {body} RETURN {row}; END $$",
        f"CREATE TRIGGER {name} {_timing(guard)} ON {guard.table}"
        f" FOR EACH ROW{when} EXECUTE FUNCTION {name}()",
    ]


def _postgres_truncate_statements() -> list[str]:
    name = f"{PREFIX}never_truncated"
    statements = [
        f"CREATE OR REPLACE FUNCTION {name}() RETURNS trigger LANGUAGE plpgsql AS"
        " $$ BEGIN RAISE EXCEPTION 'what is sealed is never truncated'"
        " USING ERRCODE = 'check_violation'; END $$"
    ]
    statements += [
        f"CREATE TRIGGER {name} BEFORE TRUNCATE ON annotation_{table}"
        f" FOR EACH STATEMENT EXECUTE FUNCTION {name}()"
        for table in NEVER_TRUNCATED
    ]
    return statements


def expected(connection: BaseDatabaseWrapper = default_connection) -> set[str]:
    """Names of the triggers that must stand in this database."""
    names = {f"{PREFIX}{guard.name}" for guard in GUARDS}
    if connection.vendor == "postgresql":
        names.add(f"{PREFIX}never_truncated")
    return names


def installed(connection: BaseDatabaseWrapper = default_connection) -> set[str]:
    """Names of the triggers that do stand in this database."""
    query = (
        "SELECT DISTINCT tgname FROM pg_trigger WHERE tgname LIKE %s AND NOT tgisinternal"
        if connection.vendor == "postgresql"
        else "SELECT name FROM sqlite_master WHERE type = 'trigger' AND name LIKE %s"
    )
    with connection.cursor() as cursor:
        cursor.execute(query, [f"{PREFIX}%"])
        return {row[0] for row in cursor.fetchall()}


def install(connection: BaseDatabaseWrapper = default_connection) -> None:
    """Put every guard in place, replacing what is there."""
    remove(connection)
    postgres = connection.vendor == "postgresql"
    write = _postgres_statements if postgres else _sqlite_statements
    statements = [line for guard in GUARDS for line in write(guard)]
    if postgres:
        statements += _postgres_truncate_statements()
    _run(connection, statements)


def remove(connection: BaseDatabaseWrapper = default_connection) -> None:
    names = sorted(installed(connection))
    drop = "DROP FUNCTION {} CASCADE" if connection.vendor == "postgresql" else "DROP TRIGGER {}"
    _run(connection, [drop.format(name) for name in names])


def _run(connection: BaseDatabaseWrapper, statements: list[str]) -> None:
    with connection.cursor() as cursor:
        for statement in statements:
            # None: a percent sign in the SQL is a percent sign.
            cursor.execute(statement, None)


@contextmanager
def suspended(connection: BaseDatabaseWrapper = default_connection) -> Iterator[None]:
    """Lift the guards while a database is emptied or repaired; they stand again afterwards."""
    remove(connection)
    try:
        yield
    finally:
        install(connection)


def on_pre_migrate(using: str, plan: list[Any], **_: object) -> None:
    if plan:
        remove(connections[using])


def on_post_migrate(using: str, **_: object) -> None:
    connection = connections[using]
    if "annotation_submission" in connection.introspection.table_names():
        install(connection)

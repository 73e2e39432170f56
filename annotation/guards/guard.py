"""What a guard is: SQL that both engines understand. A condition names what is *wrong*."""

from dataclasses import dataclass


@dataclass(frozen=True)
class Guard:
    """A trigger: on ``event`` of ``table``, refuse each (condition, message), or run ``action``."""

    name: str
    table: str
    event: str
    refuse: tuple[tuple[str, str], ...] = ()
    action: str = ""
    when: str = ""


def refuse(name: str, table: str, event: str, message: str, condition: str = "1 = 1") -> Guard:
    return Guard(name, table, event, refuse=((condition, message),))


def changed(*columns: str) -> str:
    return " OR ".join(f"NEW.{column} IS DISTINCT FROM OLD.{column}" for column in columns)


def json_changed(column: str) -> str:
    """JSON is text on SQLite and jsonb on PostgreSQL; both compare as text once cast."""
    return f'CAST(NEW."{column}" AS TEXT) IS DISTINCT FROM CAST(OLD."{column}" AS TEXT)'

"""Inserting many rows of one shape at once.

``bulk_create`` builds an instance of each row and prepares every column of it in Python, which
is most of the time that a large import takes, and all of it while others wait for the database.
"""

import json
from collections.abc import Callable, Sequence
from typing import Any

from django.db import connection
from django.db.models import AutoField, DateTimeField, Field, JSONField, Model, UUIDField
from django.utils import timezone

MAX_PARAMETERS = 20_000  # of one statement, where the database itself sets no lower limit
# All other columns take what Python has as it is.
PREPARED = (DateTimeField, JSONField, UUIDField)


def insert(
    model: type[Model], names: Sequence[str], rows: Sequence[Sequence[Any]], **same: Any
) -> list[int]:
    """Insert a row for each of ``rows``, values in the order of ``names``; returns their keys.

    ``names`` are columns (``project_id``, not ``project``); ``same`` are columns of which all rows
    have the same value. Any other column gets its field's default: where that must differ from
    row to row, as a uid must, name it. Constraints and triggers hold as ever. Many rows take
    several statements: call it inside a transaction.
    """
    fields = {field.attname: field for field in model._meta.concrete_fields if _is_written(field)}
    rest = {name: field for name, field in fields.items() if name not in names}
    if unknown := same.keys() - rest.keys():
        raise TypeError(f"{model.__name__} has no columns {sorted(unknown)} beside {list(names)}")
    given = [fields[name] for name in names]
    tail = [_prepare(field, same.get(name, _default(field))) for name, field in rest.items()]
    columns = [str(fields[name].column) for name in (*names, *rest)]
    if connection.vendor == "postgresql":
        return _insert_columns(model, columns, given, rows, tail)
    return _insert_values(model, columns, given, rows, tail)


def _insert_values(
    model: type[Model],
    columns: Sequence[str],
    given: Sequence[Field],
    rows: Sequence[Sequence[Any]],
    tail: Sequence[Any],
) -> list[int]:
    """A parameter for each cell, as many rows at a time as the database takes."""
    prepare = [(place, field) for place, field in enumerate(given) if _needs_preparing(field)]
    statement = _statement(model, columns)
    step = max(1, (connection.features.max_query_params or MAX_PARAMETERS) // len(columns))
    keys: list[int] = []
    with connection.cursor() as cursor:
        for start in range(0, len(rows), step):
            chunk = rows[start : start + step]
            cursor.execute(statement(len(chunk)), _parameters(chunk, prepare, tail))
            keys += [key for (key,) in cursor.fetchall()]
    return keys


def _insert_columns(
    model: type[Model],
    columns: Sequence[str],
    given: Sequence[Field],
    rows: Sequence[Sequence[Any]],
    tail: Sequence[Any],
) -> list[int]:
    """One parameter for all: the statement need not be taken apart cell by cell, which is what
    takes the time otherwise, and no array of texts be quoted. Keys come back in the order of the
    rows."""
    if not rows:
        return []
    names = [f"c{place}" for place in range(len(given))]
    cells = [_cell(name, field) for name, field in zip(names, given, strict=True)]
    lists = [f"{_elements(field)}(columns -> {at})" for at, field in enumerate(given)]
    statement = (
        # Names of tables, columns and types only; every value is a parameter.
        "WITH given AS MATERIALIZED (SELECT %s::jsonb AS columns)"  # noqa: S608
        f" INSERT INTO {_target(model, columns)} SELECT {', '.join([*cells, *['%s'] * len(tail)])}"
        f" FROM given, ROWS FROM ({', '.join(lists)})"
        f" WITH ORDINALITY AS cells ({', '.join(names)}, place)"
        f" ORDER BY place RETURNING {_key(model)}"
    )
    cells_by_column = json.dumps(list(zip(*rows, strict=True)), ensure_ascii=False, default=str)
    with connection.cursor() as cursor:
        cursor.execute(statement, [cells_by_column, *tail])
        return [key for (key,) in cursor.fetchall()]


def _elements(field: Field) -> str:
    """What makes rows of a list of JSON."""
    is_json = isinstance(field, JSONField)
    return "jsonb_array_elements" if is_json else "jsonb_array_elements_text"


def _cell(name: str, field: Field) -> str:
    """A cell as its column takes it. Text is given as text: a cast to varchar would cut what is
    too long for it."""
    kind = str(field.db_type(connection))
    if kind == "jsonb":
        return f"NULLIF({name}, 'null')"
    return name if kind.startswith(("varchar", "text")) else f"{name}::{kind}"


def _is_written(field: Field) -> bool:
    return not field.generated and not isinstance(field, AutoField)


def _needs_preparing(field: Field) -> bool:
    return isinstance(field, PREPARED)


def _default(field: Field) -> Any:
    return timezone.now() if getattr(field, "auto_now_add", False) else field.get_default()


def _prepare(field: Field, value: Any) -> Any:
    return field.get_db_prep_save(value, connection) if _needs_preparing(field) else value


def _statement(model: type[Model], columns: Sequence[str]) -> Callable[[int], str]:
    row = f"({', '.join(['%s'] * len(columns))})"
    # Names of tables and columns only; every value is a parameter.
    start = f"INSERT INTO {_target(model, columns)} VALUES "  # noqa: S608
    return lambda count: f"{start}{', '.join([row] * count)} RETURNING {_key(model)}"


def _target(model: type[Model], columns: Sequence[str]) -> str:
    quote = connection.ops.quote_name
    return f"{quote(model._meta.db_table)} ({', '.join(map(quote, columns))})"


def _key(model: type[Model]) -> str:
    assert model._meta.pk is not None
    return connection.ops.quote_name(str(model._meta.pk.column))


def _parameters(
    rows: Sequence[Sequence[Any]], prepare: Sequence[tuple[int, Field]], tail: Sequence[Any]
) -> list[Any]:
    parameters: list[Any] = []
    for row in rows:
        start = len(parameters)
        parameters += row
        for place, field in prepare:
            parameters[start + place] = field.get_db_prep_save(row[place], connection)
        parameters += tail
    return parameters

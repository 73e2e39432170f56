"""Inserting many rows of one shape at once.

``bulk_create`` builds an instance of each row and prepares every column of it in Python, which
is most of the time that a large import takes, and all of it while others wait for the database.
"""

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
    tail = [_prepare(field, same.get(name, _default(field))) for name, field in rest.items()]
    prepare = [(i, fields[name]) for i, name in enumerate(names) if _needs_preparing(fields[name])]
    columns = [str(fields[name].column) for name in (*names, *rest)]
    statement = _statement(model, columns)
    step = max(1, (connection.features.max_query_params or MAX_PARAMETERS) // len(columns))
    keys: list[int] = []
    with connection.cursor() as cursor:
        for start in range(0, len(rows), step):
            chunk = rows[start : start + step]
            cursor.execute(statement(len(chunk)), _parameters(chunk, prepare, tail))
            keys += [key for (key,) in cursor.fetchall()]
    return keys


def _is_written(field: Field) -> bool:
    return not field.generated and not isinstance(field, AutoField)


def _needs_preparing(field: Field) -> bool:
    return isinstance(field, PREPARED)


def _default(field: Field) -> Any:
    return timezone.now() if getattr(field, "auto_now_add", False) else field.get_default()


def _prepare(field: Field, value: Any) -> Any:
    return field.get_db_prep_save(value, connection) if _needs_preparing(field) else value


def _statement(model: type[Model], columns: Sequence[str]) -> Callable[[int], str]:
    quote = connection.ops.quote_name
    assert model._meta.pk is not None
    table, key = quote(model._meta.db_table), quote(str(model._meta.pk.column))
    row = f"({', '.join(['%s'] * len(columns))})"
    start = f"{table} ({', '.join(map(quote, columns))}) VALUES "
    # Names of tables and columns only; every value is a parameter.
    return lambda count: f"INSERT INTO {start}{', '.join([row] * count)} RETURNING {key}"


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

"""Queries and updates that Django puts into SQL once, and that are then sent again with other
values.

To put one together costs many times what the database takes to answer it, and the queue's own are
sent at every task that somebody does.
"""

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import lru_cache
from inspect import get_annotations
from operator import itemgetter
from typing import Any, Generic, ParamSpec, TypeVar

from django.db import connection
from django.db.models import Model, QuerySet
from django.db.models.query import get_related_populators
from django.db.models.sql import UpdateQuery
from django.db.models.sql.compiler import SQLCompiler

Row = TypeVar("Row", bound=Model)
Values = ParamSpec("Values")

# Stand for values while the query is put together: whole as floats too, and met nowhere else.
FIRST_MARK = 9_007_199_254_000_001
LARGEST = 2**63
MARKS: dict[Any, Callable[[int], Any]] = {
    int: lambda place: FIRST_MARK + place,
    float: lambda place: float(FIRST_MARK + place),
    str: lambda place: f"the text in place {place} of a prepared query",
    datetime: lambda place: datetime(9000, 1, 1, 0, 0, 0, place, UTC),
}


def marks(*names: str) -> dict[str, int]:
    """A number that stands for each of these values."""
    return {name: FIRST_MARK + place for place, name in enumerate(names)}


class Prepared(Generic[Row]):
    """The rows of a query over models that was made with marks in the place of its values. What
    it asks must not depend on these otherwise."""

    def __init__(self, query: QuerySet[Row], marked: Mapping[str, Any]) -> None:
        compiler = query.query.get_compiler(connection=connection)
        self._statement = _Statement(compiler, marked)
        columns = compiler.select[: compiler.col_count]
        self._converters = list(compiler.get_converters([each for each, *_ in columns]).items())
        self.absent: type[Exception] = query.model.DoesNotExist  # type: ignore[attr-defined]
        self._model, fields = query.model, compiler.klass_info["select_fields"]
        self._fields = slice(fields[0], fields[-1] + 1)
        self._names = [column.target.attname for column, *_ in columns[self._fields]]
        self._related = get_related_populators(  # type: ignore[call-arg]
            compiler.klass_info, compiler.select, query.db
        )
        self._annotations = compiler.annotation_col_map.items()

    def all(self, **values: Any) -> list[Row]:
        """All rows, with what the query selects and annotates; none equals a number that no column
        holds."""
        if any(
            isinstance(each, int) and not -LARGEST <= each < LARGEST for each in values.values()
        ):
            return []
        with self._statement.sent(values) as cursor:
            rows = cursor.fetchall()
        return [self._read(list(row)) for row in rows]

    def first(self, **values: Any) -> Row | None:
        """The first of them; None where there is none. The query limits itself."""
        return next(iter(self.all(**values)), None)

    def _read(self, row: list[Any]) -> Row:
        for place, (converters, expression) in self._converters:
            for convert in converters:
                row[place] = convert(row[place], expression, connection)
        read = self._model.from_db(connection.alias, self._names, row[self._fields])
        for related in self._related:
            related.populate(row, read)
        for name, place in self._annotations:
            setattr(read, name, row[place])
        return read


class Asked(Generic[Values, Row]):
    """A function that makes a query of its arguments, to be asked without making it again."""

    def __init__(self, make: Callable[Values, QuerySet[Row]]) -> None:
        marked = _marked(make)
        self._names = list(marked)

        @lru_cache
        def prepare(vendor: str) -> Prepared[Row]:
            return Prepared(make(**marked), marked)  # type: ignore[call-arg]

        self._prepare = prepare

    def all(self, *values: Values.args, **named: Values.kwargs) -> list[Row]:
        given = dict(zip(self._names, values, strict=False)) | named
        return self._prepare(connection.vendor).all(**given)

    def first(self, *values: Values.args, **named: Values.kwargs) -> Row | None:
        return next(iter(self.all(*values, **named)), None)

    def get(self, *values: Values.args, **named: Values.kwargs) -> Row:
        """The first. Raises the model's DoesNotExist where there is none."""
        found = self.first(*values, **named)
        if found is None:
            raise self._prepare(connection.vendor).absent
        return found


def prepared(make: Callable[Values, QuerySet[Row]]) -> Asked[Values, Row]:
    """For a function whose arguments are numbers, texts and times, and go into its query as they
    are: ``make.first(…)``, ``make.get(…)`` and ``make.all(…)`` ask it."""
    return Asked(make)


class Change(Generic[Values]):
    """A function that makes of its arguments the rows to change and what to put into them, to be
    done without making it again."""

    def __init__(self, make: Callable[Values, tuple[QuerySet[Any], dict[str, Any]]]) -> None:
        marked = _marked(make)
        self._names = list(marked)

        @lru_cache
        def prepare(vendor: str) -> _Statement:
            rows, fields = make(**marked)  # type: ignore[call-arg]
            update: Any = rows.query.chain(UpdateQuery)
            update.add_update_values(fields)
            return _Statement(update.get_compiler(connection=connection), marked)

        self._prepare = prepare

    def __call__(self, *values: Values.args, **named: Values.kwargs) -> int:
        """How many rows were changed."""
        given = dict(zip(self._names, values, strict=False)) | named
        with self._prepare(connection.vendor).sent(given) as cursor:
            return int(cursor.rowcount)


def prepared_update(
    make: Callable[Values, tuple[QuerySet[Any], dict[str, Any]]],
) -> Change[Values]:
    """Likewise for a function that gives rows, and the new values of their fields: to call it is
    to change them."""
    return Change(make)


class _Statement:
    """SQL whose parameters are marks, or are what they are."""

    def __init__(self, compiler: SQLCompiler, marked: Mapping[str, Any]) -> None:
        self._sql, parameters = compiler.as_sql()
        self._parameters = [_place(each, _adapted(marked)) for each in parameters]

    @contextmanager
    def sent(self, values: Mapping[str, Any]) -> Iterator[Any]:
        given = _adapted(values)
        with connection.cursor() as cursor:
            cursor.execute(self._sql, [fill(given) for fill in self._parameters])
            yield cursor


def _marked(make: Callable[..., Any]) -> dict[str, Any]:
    """A mark for each argument, of its kind."""
    kinds = get_annotations(make, eval_str=True)
    kinds.pop("return", None)
    return {name: MARKS[kind](place) for place, (name, kind) in enumerate(kinds.items())}


def _adapted(values: Mapping[str, Any]) -> dict[str, Any]:
    """As this database takes them."""
    adapt = connection.ops.adapt_datetimefield_value
    return {
        name: adapt(each) if isinstance(each, datetime) else each for name, each in values.items()
    }


def _place(parameter: Any, marked: Mapping[str, Any]) -> Callable[[Mapping[str, Any]], Any]:
    """What gives this parameter its value: the one whose mark it is, or itself."""
    for name, mark in marked.items():
        if parameter == mark:
            kind = type(parameter)
            if kind in (int, float, str, datetime):
                return itemgetter(name)
            return lambda values: kind(values[name])  # says to PostgreSQL which column it is for
    return lambda values: parameter

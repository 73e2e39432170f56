"""Queries that Django puts into SQL once, and that are then asked again with other values.

To put a large query together costs many times what the database takes to answer it.
"""

from collections.abc import Mapping
from typing import Any

from django.db import connection
from django.db.models import QuerySet

# Stand for values while the query is put together: whole as floats too, and met nowhere else.
FIRST_MARK = 9_007_199_254_000_001


def marks(*names: str) -> dict[str, int]:
    """A number that stands for each of these values."""
    return {name: FIRST_MARK + place for place, name in enumerate(names)}


class Prepared:
    """The rows of a query that was made with ``marks`` in the place of its numbers. What it asks
    must not depend on them otherwise."""

    def __init__(self, query: QuerySet[Any], marked: Mapping[str, int]) -> None:
        self._model = query.model
        compiler = query.query.get_compiler(connection=connection)
        self._sql, parameters = compiler.as_sql()
        names: dict[float, str] = {mark: name for name, mark in marked.items()}
        # Its name where the parameter is a mark.
        self._parameters = [
            (names.get(each), each) if isinstance(each, int | float) else (None, each)
            for each in parameters
        ]

    def first(self, **values: float | None) -> Any:
        """The first row, with the columns and the annotations of the query; None where there is
        none."""
        return next(iter(self.all(**values)), None)

    def all(self, **values: float | None) -> Any:
        parameters = [values[name] if name else each for name, each in self._parameters]
        return self._model._default_manager.raw(self._sql, parameters)

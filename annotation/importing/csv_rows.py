"""CSV: the first line names the columns."""

import csv
from collections.abc import Iterator

from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.importing.fields import shown
from annotation.importing.files import MAX_LINE, Line, RawLines, TextFile, decode
from annotation.telling import Sentence

MAX_COLUMNS = 200
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
csv.field_size_limit(MAX_LINE)


class CsvRows(TextFile):
    """Rows as objects of texts.

    A problem ends the reading: where the next row begins is no longer known.
    """

    is_table = is_text = True

    def rows(self, lines: RawLines) -> Iterator[Line]:
        place = [0]

        def texts() -> Iterator[str]:
            for _, end, raw in lines:
                place[0] = end
                yield decode(raw)

        reader = csv.reader(texts(), strict=True)
        start = 1
        try:
            columns = check_columns(next(reader, []))
            _check_separator(columns)
            start = reader.line_num + 1
            for cells in reader:
                if cells:
                    yield _line(start, place[0], columns, cells)
                start = reader.line_num + 1
        except (csv.Error, Invalid) as error:
            yield Line(start, place[0], problem=_problem(error))
            for _ in lines:
                pass  # the rest still counts for the hash


def _problem(error: Exception) -> Sentence:
    if isinstance(error, Invalid):
        return error.sentence
    return Sentence(gettext_noop("malformed CSV (%(why)s)."), {"why": error})


def check_columns(names: list[str]) -> list[str]:
    """Raises Invalid for names that are no table's."""
    if len(names) > MAX_COLUMNS:
        raise Invalid(
            gettext_noop("%(count)s columns; at most %(most)s are allowed. Leave some out."),
            count=f"{len(names):,}",
            most=MAX_COLUMNS,
        )
    twice = {name for name in names if names.count(name) > 1}
    if twice:
        raise Invalid(
            gettext_noop("two columns have the same name, %(name)s. Rename one."),
            name=shown(min(twice)),
        )
    return names


def _check_separator(columns: list[str]) -> None:
    """Raises Invalid for one column that would be several in another kind of table."""
    found = [
        words for mark, words in SEPARATORS.items() if len(columns) == 1 and mark in columns[0]
    ]
    if found:
        raise Invalid(
            f"its columns seem to be separated by {found[0]}. Save it with commas between them."
        )


def _line(number: int, end: int, columns: list[str], cells: list[str]) -> Line:
    if len(cells) != len(columns):
        raise Invalid(
            gettext_noop("%(cells)s cells, but the first line names %(columns)s columns."),
            cells=len(cells),
            columns=len(columns),
        )
    return Line(number, end, dict(zip(columns, cells, strict=True)))

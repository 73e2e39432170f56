"""Rows that come over HTTP: a file like any other, held to the same rules and taken in by the same
verb, so that sent twice they add nothing, and sent again after an interruption they go on."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from annotation.errors import Invalid
from annotation.importing.runs import Options, Outcome, Preview, import_rankings, preview
from annotation.models import Import, Project, User

MAX_ROWS = 500


def add_rankings(project: Project, values: Any, *, by: User) -> Outcome:
    """Take in all of these rankings, comparisons, verdicts or demonstrations, or none.

    ``values`` is JSON as it was sent: a list of rows in the interchange format. Raises Invalid
    with the first wrong row, Conflict while another import of the project is not finished.
    """
    with _file(values) as path:
        return import_rankings(path, project.slug, Options(by=by))


def check_rankings(project: Project, values: Any) -> Preview:
    """What ``add_rankings`` would find; nothing is written. Raises Invalid."""
    with _file(values) as path:
        return preview(Import.Kind.RANKINGS, path, project.slug)


@contextmanager
def _file(values: Any) -> Iterator[Path]:
    if not isinstance(values, list) or not 1 <= len(values) <= MAX_ROWS:
        raise Invalid(f"The body must be a list of 1 to {MAX_ROWS} rows.")
    with TemporaryDirectory(prefix="concord-import-") as folder:
        path = Path(folder) / "rows"
        # The same rows are the same file, in whatever order their fields came.
        path.write_text("".join(json.dumps(row, sort_keys=True) + "\n" for row in values))
        yield path

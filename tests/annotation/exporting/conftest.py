import pytest

from annotation.exporting import Terms, export
from annotation.importing import import_rankings
from annotation.pairs import Ties
from tests.annotation.interchange import read, write
from tests.cast import make_cast


@pytest.fixture
def cast(db):
    return make_cast(overlap=2)


@pytest.fixture
def take_in(cast, tmp_path):
    """Imports these rows into the cast's project."""

    def run(*rows):
        import_rankings(write(tmp_path / f"in-{len(rows)}.jsonl", rows), "tides")

    return run


@pytest.fixture
def rows_of(cast, tmp_path):
    """What a format of JSON lines holds."""

    def run(format, ties=Ties.DROP, **terms):
        export(cast.project, format, tmp_path / "out.jsonl", Terms(ties=ties, **terms))
        return read(tmp_path / "out.jsonl")

    return run

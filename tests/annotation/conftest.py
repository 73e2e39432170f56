"""A project whose tasks want two people each, four more judges, a clock to be moved, and a
database of each engine for real processes.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest
import time_machine
from django.utils import timezone

from tests.cast import make_cast, make_judges
from tests.databases import Database, postgres_database, sqlite_database
from tests.services import needs_postgres


@pytest.fixture
def cast():
    return make_cast(overlap=2)


@pytest.fixture
def judges(cast):
    return make_judges(cast.project, 4)


@pytest.fixture
def clock():
    with time_machine.travel(timezone.now(), tick=False) as traveller:
        yield traveller


@pytest.fixture(params=["sqlite", pytest.param("postgres", marks=pytest.mark.postgres)])
def database(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Database]:
    if request.param == "sqlite":
        with sqlite_database(tmp_path) as made:
            yield made
    else:
        with postgres_database(needs_postgres(), tmp_path) as made:
            yield made

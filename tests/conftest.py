"""What every test has at hand."""

import math
from typing import Any

import pytest
from django.test import TransactionTestCase
from django.utils import translation

from annotation import guards
from annotation.quality import kept

pytest_plugins = ["tests.services"]


@pytest.fixture(autouse=True, scope="session")
def _empty_databases_with_guards_lifted():
    """After a test with real transactions its database is emptied, which the guards refuse."""
    case: Any = TransactionTestCase
    empty = case._fixture_teardown

    def with_guards_lifted(self):
        with guards.suspended():
            empty(self)

    case._fixture_teardown = with_guards_lifted
    yield
    case._fixture_teardown = empty


@pytest.fixture(autouse=True)
def _in_english():
    """Whatever language a reader of the test before asked for."""
    yield
    translation.deactivate()


@pytest.fixture(autouse=True)
def _figures_are_up_to_date(monkeypatch):
    """On a slow machine too, where they would be kept for a while as costly ones."""
    monkeypatch.setattr(kept, "CHEAP", math.inf)

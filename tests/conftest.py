"""What every test has at hand."""

import pytest
from django.test import TransactionTestCase

from annotation import guards


@pytest.fixture(autouse=True, scope="session")
def _empty_databases_with_guards_lifted():
    """The guards refuse what a test database needs after a test with real transactions: emptying."""
    empty = TransactionTestCase._fixture_teardown

    def with_guards_lifted(self):
        with guards.suspended():
            empty(self)

    TransactionTestCase._fixture_teardown = with_guards_lifted
    yield
    TransactionTestCase._fixture_teardown = empty

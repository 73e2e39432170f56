"""The services that some tests need: used where present.

Call one in a test or a fixture, or mark the test ``postgres``, ``redis`` or ``browser``. Where the
service is absent, the test is skipped with a line that says so; with CI=true it fails instead, so
that no check is lost unseen.
"""

import os
import shutil

import pytest

BROWSERS = ("chromium", "chromium-browser", "google-chrome")


def needs_postgres() -> str:
    """The URL of a PostgreSQL database on a server where tests may make databases of their own."""
    return _present(os.environ.get("TEST_DATABASE_URL"), "PostgreSQL", "set TEST_DATABASE_URL")


def needs_redis() -> str:
    """The URL of a Redis that tests may write to."""
    return _present(os.environ.get("TEST_REDIS_URL"), "Redis", "set TEST_REDIS_URL")


def needs_chromium() -> str:
    """The path of a Chromium."""
    found = os.environ.get("CHROMIUM") or next(filter(None, map(shutil.which, BROWSERS)), None)
    return _present(found, "Chromium", "install it, or set CHROMIUM to its path")


def _present(found: str | None, service: str, remedy: str) -> str:
    if found:
        return found
    if os.environ.get("CI") == "true":
        pytest.fail(f"{service} is absent, and CI=true allows no gap: {remedy}.", pytrace=False)
    pytest.skip(f"{service} is absent: {remedy}.")


NEEDS = {"postgres": needs_postgres, "redis": needs_redis, "browser": needs_chromium}


def pytest_runtest_setup(item: pytest.Item) -> None:
    for mark, need in NEEDS.items():
        if item.get_closest_marker(mark):
            need()

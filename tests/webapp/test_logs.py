"""A refusal is one line of the log; a failure brings its trace."""

import logging
import sys
from typing import Any

import pytest
from django.conf import settings

from webapp.logs import RefusalsInOneLine


def record_of(status):
    try:
        raise PermissionError("no")
    except PermissionError:
        record = logging.LogRecord("django.request", 30, "x", 1, "Forbidden", (), sys.exc_info())
    record.status_code = status
    return record


@pytest.mark.parametrize(("status", "lines"), [(403, 1), (404, 1), (400, 1)])
def test_a_refusal_is_one_line(status, lines):
    record = record_of(status)
    assert RefusalsInOneLine().filter(record)
    assert len(logging.Formatter().format(record).splitlines()) == lines


def test_a_failure_keeps_its_trace():
    record = record_of(500)
    assert RefusalsInOneLine().filter(record)
    assert "PermissionError" in logging.Formatter().format(record)


def test_the_log_is_written_so():
    said: Any = settings.LOGGING
    assert said["handlers"]["console"]["filters"] == ["refusals"]
    assert said["filters"]["refusals"] == {"()": "webapp.logs.RefusalsInOneLine"}

"""Freed memory is kept for as long as it is asked for, where the C library can."""

from __future__ import annotations

import ctypes
from types import SimpleNamespace

import pytest

from training.engine import allocator
from training.engine.allocator import kept_memory


def test_it_keeps_memory_and_gives_it_back_whatever_happens(monkeypatch):
    calls: list[tuple[str, int, int]] = []
    library = SimpleNamespace(
        mallopt=lambda name, value: calls.append(("set", name, value)),
        malloc_trim=lambda pad: calls.append(("trim", 0, pad)),
    )
    monkeypatch.setattr(ctypes, "CDLL", lambda name: library)

    def work() -> None:
        with kept_memory():
            assert ("set", allocator.TRIM_THRESHOLD, allocator.NEVER) in calls
            raise KeyError

    with pytest.raises(KeyError):
        work()
    assert calls[-1] == ("trim", 0, 0)


def test_another_library_is_left_alone(monkeypatch):
    monkeypatch.setattr(ctypes, "CDLL", lambda name: SimpleNamespace())
    with kept_memory():
        pass

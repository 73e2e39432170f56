"""The bar is there for people at a terminal, and for nobody else."""

import sys
from io import StringIO

import pytest

from annotation.progress import Bar


class Terminal(StringIO):
    def isatty(self):
        return True


def work(bar):
    for done in range(1, 4):
        bar("Reading", done, 3)
    bar("Writing", 1, 2)


def stop(bar):
    bar("Reading", 1, 3)
    raise KeyboardInterrupt


def test_without_a_terminal_nothing_is_printed(capsys):
    with Bar() as bar:
        work(bar)
    captured = capsys.readouterr()
    assert (captured.out, captured.err) == ("", "")


def test_on_a_terminal_each_stage_has_its_bar(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with Bar() as bar:
        work(bar)
    assert "Reading" in terminal.getvalue()
    assert "Writing" in terminal.getvalue()


def test_an_interrupted_bar_leaves_its_line_empty(monkeypatch):
    terminal = Terminal()
    monkeypatch.setattr(sys, "stderr", terminal)
    with pytest.raises(KeyboardInterrupt), Bar() as bar:
        stop(bar)
    assert terminal.getvalue().endswith(" \r")

"""Ctrl-C saves what was done; the same command goes on with it."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import pytest

from tests.training.engine.command.conftest import SMALL, Run
from training.engine.preference import PreferenceObjective


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_an_interrupted_run_is_saved_and_goes_on(
    run: Run, rankings: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
):
    # Whatever listens now, as where a shell runs the tests in the background, listens afterwards.
    before = signal.getsignal(signal.SIGINT)
    whole = run("dpo", *SMALL, data=rankings, out=tmp_path / "whole").report
    plain = PreferenceObjective.accumulate

    def interrupted(self, indices):
        os.kill(os.getpid(), number)
        return plain(self, indices)

    with monkeypatch.context() as patch:
        patch.setattr(PreferenceObjective, "accumulate", interrupted)
        ran = run("dpo", *SMALL, data=rankings, out=tmp_path / "parts")
    assert ran.code == 130
    assert ran.err.splitlines() == ["Interrupted at step 1 of 3, saved. Run it again to go on."]
    assert (
        run("dpo", *SMALL, data=rankings, out=tmp_path / "parts").report["sha256"]
        == (whole["sha256"])
    )
    assert signal.getsignal(signal.SIGINT) is before

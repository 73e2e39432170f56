"""What the command line keeps of the reference is what the reference says when asked again."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch

from tests.training.engine.command.conftest import RANKINGS, SMALL, Run
from training.engine import checkpoints, chunks
from training.engine.backbone import load_backbone
from training.engine.command import policies
from training.engine.preference import PreferenceExample, train_preference
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded, encode_completion, encode_prompt

CHUNK = 16  # completions; the file has 40


def asked_again(model: Path, adapter: Path | None) -> torch.Tensor:
    """Each completion's log-probability alone, by a model loaded afresh."""
    loaded = load_backbone(model, "cpu")
    lines: Any = RANKINGS
    rows = [
        Encoded(
            encode_prompt(loaded.tokenizer, [{"role": "user", "content": line["prompt"]}]),
            encode_completion(loaded.tokenizer, each["text"], ended=True),
        )
        for line in lines
        for each in line["completions"]
    ]
    with loaded.adapter(adapter) as scorer:
        found = [completion_logprobs(scorer, [row], loaded.pad_id)[0] for row in rows]
    return torch.cat(found)


def kept(out: Path) -> torch.Tensor:
    folders = sorted((out / policies.REFERENCE).iterdir())
    return torch.cat([checkpoints.load(each).tensors["figures"]["figures"] for each in folders])


@pytest.mark.parametrize("reference", ["model", "adapter"])
def test_what_is_kept_and_read_after_an_interrupted_start_is_the_references(
    run: Run, rankings: Path, tmp_path: Path, tiny_folder: Path,
    monkeypatch: pytest.MonkeyPatch, reference: str,
):  # fmt: skip
    monkeypatch.setattr(chunks, "ROWS", CHUNK)
    options, adapter = [*SMALL], None
    if reference == "adapter":
        told = run("sft", *SMALL, data=rankings, out=tmp_path / "sft").report
        options, adapter = [*SMALL, "--reference", str(tmp_path / "sft")], Path(told["adapter"])
    out = tmp_path / "out"
    stop_after_a_chunk(monkeypatch)
    assert run("dpo", *options, data=rankings, out=out).code == 130
    assert len(kept(out)) == CHUNK
    scored = count_scored(monkeypatch)
    learned = note_what_is_learned(monkeypatch)
    assert run("dpo", *options, data=rankings, out=out).code == 0
    expected = asked_again(tiny_folder, adapter)
    assert sum(scored) == len(expected) - CHUNK
    assert torch.allclose(kept(out), expected, atol=1e-4)
    read = [value for each in learned for value in each.reference_logprobs]
    assert read == pytest.approx(expected.tolist(), abs=1e-4)


def stop_after_a_chunk(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[int] = []

    def stopping(*given: Any, **named: Any) -> Any:
        asked.append(1)
        if len(asked) > 1:
            monkeypatch.setattr(policies, "completion_logprobs", completion_logprobs)
            raise KeyboardInterrupt
        return completion_logprobs(*given, **named)

    monkeypatch.setattr(policies, "completion_logprobs", stopping)


def count_scored(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """How many rows each call scored from now on."""
    found: list[int] = []

    def counting(model: Any, rows: list[Encoded], pad_id: int) -> Any:
        found.append(len(rows))
        return completion_logprobs(model, rows, pad_id)

    monkeypatch.setattr(policies, "completion_logprobs", counting)
    return found


def note_what_is_learned(monkeypatch: pytest.MonkeyPatch) -> list[PreferenceExample]:
    found: list[PreferenceExample] = []
    plain = train_preference

    def noting(backbone: Any, examples: list[PreferenceExample], *given: Any, **named: Any) -> Any:
        found.extend(examples)
        return plain(backbone, examples, *given, **named)

    monkeypatch.setattr(policies, "train_preference", noting)
    return found

"""A tiny trunk for the engine's tests, made once a session."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from training.engine.backbone import Backbone, load_backbone
from training.engine.config import SamplingSettings
from training.engine.sampling import Sample, sample
from training.engine.sequences import Encoded, encode_prompt
from training.engine.tiny import make_tiny_model

QUESTIONS = ["Why?", "How are you today?", "Say more", "What is it that you see over there?"]


@pytest.fixture(scope="session", autouse=True)
def one_thread() -> Iterator[None]:
    """Several threads would spend their time waiting for each other on a tiny model."""
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    yield
    torch.set_num_threads(before)


@pytest.fixture(scope="session")
def tiny_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A model with random weights: enough wherever its words do not matter."""
    return make_tiny_model(tmp_path_factory.mktemp("models") / "tiny", train_steps=0)


@pytest.fixture
def backbone(tiny_folder: Path) -> Backbone:
    return load_backbone(tiny_folder, device="cpu")


@pytest.fixture
def exact(backbone: Backbone, monkeypatch: pytest.MonkeyPatch) -> Backbone:
    """The same in float64 throughout: transformers would compute its norms in float32."""

    def norm(self: Any, states: torch.Tensor) -> Any:
        size = states.pow(2).mean(-1, keepdim=True)
        return self.weight * states * torch.rsqrt(size + self.variance_epsilon)

    monkeypatch.setattr(LlamaRMSNorm, "forward", norm)
    backbone.model.double()
    return backbone


@pytest.fixture
def prompts(backbone: Backbone) -> list[list[int]]:
    """Four prompts of different lengths."""
    return [
        encode_prompt(backbone.tokenizer, [{"role": "user", "content": text}]) for text in QUESTIONS
    ]


@pytest.fixture
def samples(backbone: Backbone, prompts: list[list[int]]) -> list[Sample]:
    """Three completions of each prompt, in the order of prompts and seeds."""
    seeds = [[10 * index + each for each in range(3)] for index in range(len(prompts))]
    drawn = sample(backbone, prompts, seeds, SamplingSettings(max_new_tokens=16))
    return sorted(drawn, key=lambda each: (each.prompt_index, each.seed))


@pytest.fixture
def rows(prompts: list[list[int]], samples: list[Sample]) -> list[Encoded]:
    return [Encoded(prompts[each.prompt_index], each.token_ids) for each in samples]


def end_at(monkeypatch: pytest.MonkeyPatch, backbone: Backbone, token: int) -> None:
    """Let completions end with this token alone: a random trunk hardly ever stops by itself."""
    monkeypatch.setattr(backbone, "eos_id", token)
    monkeypatch.setattr(backbone, "ends", frozenset({token}))

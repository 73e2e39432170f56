"""Models of other families than Llama's: whichever way their passes go, figures are the same."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from transformers import (
    BloomConfig,
    BloomForCausalLM,
    Gemma2Config,
    Gemma2ForCausalLM,
    GPT2Config,
    GPT2LMHeadModel,
    GPTJConfig,
    GPTJForCausalLM,
    MambaConfig,
    MambaForCausalLM,
)

from tests.training.engine.command.conftest import RANKINGS, ROLLOUTS, SMALL, Run, run, write_lines
from tests.training.engine.test_full import plain_logprob
from training.engine import full, ways
from training.engine.backbone import Backbone, load_backbone
from training.engine.config import LoraSettings, PreferenceSettings, SamplingSettings
from training.engine.decoder import blocks
from training.engine.errors import BackboneError
from training.engine.learner import learning
from training.engine.sampling import sample
from training.engine.scoring import completion_logprobs, features, group_trace, trace_logprobs
from training.engine.sequences import Encoded
from training.engine.tiny import byte_tokenizer

__all__ = ["run"]  # a fixture

SIZES: dict[str, Any] = {"vocab_size": 262, "bos_token_id": 1, "eos_token_id": 2}
SHORT = {**SIZES, "n_layer": 2, "n_head": 2}
FAMILIES: dict[str, tuple[Any, Any, str]] = {
    "gpt2": (GPT2LMHeadModel, GPT2Config(n_embd=32, n_positions=256, **SHORT), "handed"),
    "bloom": (BloomForCausalLM, BloomConfig(hidden_size=32, **SHORT), "handed"),
    "gptj": (
        GPTJForCausalLM, GPTJConfig(n_embd=32, n_positions=256, rotary_dim=8, **SHORT), "handed"
    ),
    "mamba": (
        MambaForCausalLM,
        MambaConfig(hidden_size=32, num_hidden_layers=2, state_size=4, **SIZES),
        "apart",
    ),
}  # fmt: skip


def saved(folder: Path, kind: Any, config: Any) -> Path:
    """A small model with random weights whose figures are not all alike."""
    with torch.random.fork_rng():
        torch.manual_seed(0)
        model = kind(config)
        for parameter in model.parameters():
            torch.nn.init.normal_(parameter, std=0.2)
    model.save_pretrained(folder)
    byte_tokenizer().save_pretrained(folder)
    return folder


@pytest.fixture(scope="module", params=FAMILIES)
def family(request: Any, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    kind, config, way = FAMILIES[request.param]
    return saved(tmp_path_factory.mktemp("families") / request.param, kind, config), way


@pytest.fixture
def other(family: tuple[Path, str]) -> Backbone:
    backbone = load_backbone(family[0], "cpu")
    backbone.model.config.use_cache = False  # of plain passes
    return backbone


PROMPTS = [[1, 3, 60, 77, 94], [1, 3, 60]]
COMPLETIONS = [[[81, 75, 2], [146, 160, 94, 163, 2]], [[50, 2]]]
ROWS = [
    Encoded(prompt, ids)
    for prompt, group in zip(PROMPTS, COMPLETIONS, strict=True)
    for ids in group
]


def test_it_goes_its_way(family, other):
    assert ways.way_of(other.model) == family[1]


def test_log_probabilities_are_those_of_plain_passes(other):
    found, _ = completion_logprobs(other.model, ROWS, other.pad_id)
    with torch.no_grad():
        expected = torch.stack([plain_logprob(other.model, row) for row in ROWS])
    assert torch.allclose(found, expected.double(), atol=1e-3)


def test_features_are_those_of_plain_passes(other):
    found = features(other, ROWS, layer=0.5)
    seen: list[Any] = []
    blocks(other.model)[0].register_forward_hook(
        lambda module, args, out: seen.append(out[0] if isinstance(out, tuple) else out)
    )
    for vector, row in zip(found, ROWS, strict=True):
        ids = torch.tensor([row.prompt + row.completion])
        with torch.no_grad():
            other.model(input_ids=ids)
        expected = seen[-1][0, len(row.prompt) :].mean(dim=0)
        assert torch.allclose(vector, expected, atol=1e-3)


@pytest.mark.parametrize("recompute", [False, True])
@pytest.mark.parametrize("depth", ["lora", "full"])
def test_gradients_are_those_of_plain_passes(other, depth, recompute):
    settings = PreferenceSettings(depth=depth, recompute=recompute, lora=LoraSettings(rank=2))
    with learning(other, None, settings) as learner:
        model = learner.backbone.model
        for name, each in learner.parameters.items():
            if "lora_B" in name:
                torch.nn.init.normal_(each, std=0.1)
        trace = group_trace(model, PROMPTS, COMPLETIONS, other.pad_id)
        weights = torch.tensor([1.0, -2.0, 3.0])
        parameters = list(learner.parameters.values())
        found = torch.autograd.grad(
            (weights * trace_logprobs(model, trace)).sum(), parameters, allow_unused=True
        )
        plain = torch.stack([plain_logprob(model, row) for row in ROWS])
        expected = torch.autograd.grad((weights * plain).sum(), parameters, allow_unused=True)
    largest = max(each.abs().max() for each in expected if each is not None)
    for mine, its in zip(found, expected, strict=True):
        assert (mine is None) == (its is None)
        assert mine is None or (mine - its).abs().max() < 1e-4 * largest


def test_samples_are_those_of_plain_passes(other):
    settings = SamplingSettings(max_new_tokens=6, temperature=0)
    drawn = sorted(sample(other, PROMPTS, [[1], [2]], settings), key=lambda each: each.prompt_index)
    for prompt, each in zip(PROMPTS, drawn, strict=True):
        ids = list(prompt)
        for token in each.token_ids:
            with torch.no_grad():
                logits = other.model(input_ids=torch.tensor([ids])).logits[0, -1]
            assert logits[token] > logits.max() - 1e-4
            ids.append(token)


def test_the_weights_below_a_layer_are_those_that_it_depends_on(other):
    own = full.copy_of(other)
    own.model.requires_grad_(True)
    trace = group_trace(own.model, PROMPTS, COMPLETIONS, own.pad_id, tap=1, only_tapped=True)
    trace.tapped.sum().backward()
    decoder = own.model.get_decoder()
    reached = {name for name, each in decoder.named_parameters() if each.grad is not None}
    assert reached == set(full.weights_below(own, 1))


@pytest.mark.parametrize("method", ["dpo", "reward", "sft", "ppo"])
def test_a_method_runs_from_a_file_to_a_folder(run: Run, family, tmp_path: Path, method: str):
    data = write_lines(tmp_path / "rankings.jsonl", RANKINGS)
    options = {
        "reward": ["--max-tokens", "64", "--depth", "lora", "--lora-rank", "2"],
        "ppo": [*ROLLOUTS, "--max-prompt-tokens", "64"],
    }.get(method, [*SMALL, "--samples", "2", "--sample-tokens", "4"])
    report = run(method, *options, data=data, out=tmp_path / "out", model=family[0]).report
    assert report["figures"]["steps"] > 0


def test_a_model_with_room_to_spare_draws_what_its_tokenizer_can_read(tmp_path):
    config = GPT2Config(**{**SHORT, "vocab_size": 5000}, n_embd=32, n_positions=256)
    backbone = load_backbone(saved(tmp_path / "wide", GPT2LMHeadModel, config), "cpu")
    drawn = list(sample(backbone, PROMPTS, [[1, 2], [3, 4]], SamplingSettings(max_new_tokens=16)))
    assert max(token for each in drawn for token in each.token_ids) < 262


def test_a_cap_on_the_logits_is_found_where_logits_are_small(tmp_path):
    config = Gemma2Config(
        hidden_size=16, intermediate_size=16, num_hidden_layers=1, num_attention_heads=2,
        num_key_value_heads=2, head_dim=8, pad_token_id=0, **SIZES,
    )  # fmt: skip
    Gemma2ForCausalLM(config).save_pretrained(tmp_path)
    byte_tokenizer().save_pretrained(tmp_path)
    with pytest.raises(BackboneError, match="computes its logits in a way not supported"):
        load_backbone(tmp_path, "cpu")

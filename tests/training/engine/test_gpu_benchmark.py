"""The arithmetic of the GPU benchmark is that of counted models, and it measures on a CPU too."""

from __future__ import annotations

import subprocess
import sys
from typing import Any

import pytest
import torch
from torch.utils.flop_counter import FlopCounterMode
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks import gpu
from benchmarks._arithmetic import (
    Sizes,
    card_of,
    decode_bytes,
    forward_flops,
    pairs_seen,
    sizes_of,
    training_flops,
)

TOKENS = 24


@pytest.fixture
def model() -> Any:
    """Attention spelled out in matrix products, so that every one is counted."""
    config = LlamaConfig(
        vocab_size=97, hidden_size=32, intermediate_size=80, num_hidden_layers=3,
        num_attention_heads=4, num_key_value_heads=2,
    )  # fmt: skip
    config._attn_implementation = "eager"
    return LlamaForCausalLM(config).requires_grad_(False)


def counted(model: Any, backward: bool) -> int:
    """What torch counts; eager attention looks at every pair, whatever the mask hides."""
    ids = torch.arange(TOKENS)[None]
    with FlopCounterMode(display=False) as counter:
        if not backward:
            model(input_ids=ids)
        else:
            inputs = model.get_input_embeddings()(ids).requires_grad_()
            torch.autograd.backward(model(inputs_embeds=inputs).logits.sum())
    return int(counter.get_total_flops())


def test_forward_flops_are_those_that_are_counted(model):
    sizes = sizes_of(model)
    expected = forward_flops(sizes, TOKENS, TOKENS**2, TOKENS)
    assert counted(model, backward=False) == expected


@pytest.mark.parametrize("full", [False, True])
def test_training_flops_are_those_that_are_counted(model, full):
    model.requires_grad_(full)
    sizes = sizes_of(model)
    expected = training_flops(sizes, TOKENS, TOKENS**2, TOKENS, full)
    assert counted(model, backward=True) == expected


def test_flops_of_a_token_by_hand():
    """7 billion weights, nothing seen: 14 GFLOPs forward, 28 with an adapter, 42 with all."""
    sizes = Sizes(7_000_000_000, 0, 32, 4096, 4096)
    assert forward_flops(sizes, 1, 0, 0) == 14_000_000_000
    assert training_flops(sizes, 1, 0, 0, full=False) == 28_000_000_000
    assert training_flops(sizes, 1, 0, 0, full=True) == 42_000_000_000


def test_pairs_are_those_that_the_mask_lets_through():
    """A prompt of 3 and completions of 2 and 1: 6 + (3 + 6) + (1 + 3)."""
    assert pairs_seen(3, [2, 1]) == 19


def test_bytes_of_a_decoding_step_are_the_weights_and_the_cache(model):
    sizes = sizes_of(model)
    weights = sum(
        each.numel()
        for name, each in model.named_parameters()
        if each.dim() == 2 and "embed" not in name
    )
    cache = model(input_ids=torch.arange(TOKENS).expand(5, -1), use_cache=True).past_key_values
    held = sum(layer.keys.numel() + layer.values.numel() for layer in cache.layers)
    assert decode_bytes(sizes, rows=5, context=TOKENS) == 2 * (weights + held)


def test_cards_are_found_by_the_more_exact_name():
    assert card_of("NVIDIA H100 PCIe") == (756e12, 2.0e12)
    assert card_of("NVIDIA H100 80GB HBM3") == (989e12, 3.35e12)
    assert card_of("something else") is None


def test_the_large_model_has_one_and_a_half_billion_parameters():
    with torch.device("meta"):
        model = LlamaForCausalLM(LlamaConfig(**gpu.LARGE))
    assert sum(each.numel() for each in model.parameters()) >= 1_500_000_000


def test_it_measures_trainings_and_sampling(backbone):
    work = gpu.Work(
        prompts=2, completions=2, prompt=8, completion=4, repeats=1, rows=(3,), drawn=(2, 6),
        batch_tokens=(16, 64),
    )  # fmt: skip
    found = gpu.measure(backbone, 1e9, 1e9, work)
    assert found["reward"].keys() == found["dpo"].keys() == {"16 tokens a pass", "64 tokens a pass"}
    assert found["dpo"]["64 tokens a pass"]["mfu"] > 0
    assert found["sampling"]["3 rows"]["bandwidth_share"] > 0


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a CUDA device")
def test_without_a_gpu_it_says_so_and_ends_well():
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.gpu", "--quick"], capture_output=True, text=True,
        check=True,
    )  # fmt: skip
    assert done.stdout == '{"skipped": "there is no CUDA device"}\n'

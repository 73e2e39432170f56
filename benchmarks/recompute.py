"""What activation checkpointing saves in memory and costs in time.

    python -m benchmarks.recompute [--quick]

Forward and backward of one prompt with its K completions, log-probabilities of all of them, in
float32: an adapter learns, or all the weights do; the layers keep all that the way back needs, or
their inputs alone (`recompute`). Each in a process of its own, on a random Llama; on a GPU where
there is one. Memory is the peak above the loaded model; with all weights, their gradients are part
of it. Seconds are medians. Prints JSON.
"""

import argparse
import json
import os
import statistics
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from benchmarks.side_by_side.memory import now_mb, peak_mb, restart_peak
from training.engine import adapters
from training.engine.config import LoraSettings
from training.engine.recompute import recomputing
from training.engine.scoring import group_trace, trace_logprobs

VOCABULARY = 8192
Ids = list[list[int]]


def build(hidden: int, layers: int, depth: str, device: str) -> Any:
    """A model in training; its adapter, where it has one, is switched on."""
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=VOCABULARY, hidden_size=hidden, intermediate_size=hidden * 8 // 3,
        num_hidden_layers=layers, num_attention_heads=hidden // 64,
        num_key_value_heads=max(1, hidden // 192), tie_word_embeddings=True,
    )  # fmt: skip
    model: Any = LlamaForCausalLM(config)
    model.to(device).requires_grad_(depth == "full").train()
    if depth == "lora":
        for parameter in adapters.add(model, "policy", LoraSettings(), seed=0).values():
            parameter.requires_grad_(True)
    return model


def measure(
    size: tuple[int, int], depth: str, wanted: bool, prompt: list[int], completions: Ids, count: int
) -> dict[str, float]:
    """Seconds and MiB of a pass."""
    on_gpu = torch.cuda.is_available()
    model = build(*size, depth, "cuda" if on_gpu else "cpu")
    seconds = []
    before = torch.cuda.memory_allocated() / 2**20 if on_gpu else now_mb()
    torch.cuda.reset_peak_memory_stats() if on_gpu else restart_peak()
    name = "policy" if depth == "lora" else None
    with adapters.active(model, name), recomputing(model, wanted):
        for _ in range(1 + count):
            model.zero_grad()
            started = time.perf_counter()
            trace = group_trace(model, [prompt], [completions], 0)
            torch.autograd.backward(trace_logprobs(model, trace).sum())
            if on_gpu:
                torch.cuda.synchronize()
            seconds.append(time.perf_counter() - started)
    peak = torch.cuda.max_memory_allocated() / 2**20 if on_gpu else peak_mb()
    return {"mb": round(peak - before), "seconds": round(statistics.median(seconds[1:]), 3)}


def alone(*given: Any) -> dict[str, float]:
    """What `measure` comes to in a process of its own."""
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        return pool.submit(measure, *given).result()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small model and few repetitions")
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--completion", type=int, default=128)
    given = parser.parse_args()
    size, count = ((192, 6), 2) if given.quick else ((576, 12), 5)
    generator = torch.Generator().manual_seed(1)
    draw = lambda length: torch.randint(VOCABULARY, (length,), generator=generator).tolist()  # noqa: E731
    prompt, completions = draw(given.prompt), [draw(given.completion) for _ in range(given.k)]
    result: dict[str, Any] = {"k": given.k, "prompt": given.prompt, "completion": given.completion}
    result |= {"hidden": size[0], "layers": size[1], "load": os.getloadavg()[0]}
    for depth in ("lora", "full"):
        kept, again = (
            alone(size, depth, wanted, prompt, completions, count) for wanted in (False, True)
        )
        result[depth] = {
            "kept": kept,
            "recomputed": again,
            "memory_ratio": round(again["mb"] / kept["mb"], 2),
            "time_ratio": round(again["seconds"] / kept["seconds"], 2),
        }
    print(json.dumps(result))


if __name__ == "__main__":
    main()

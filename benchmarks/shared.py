"""How much faster K completions of a prompt are scored together than in rows of their own.

    python -m benchmarks.shared [--quick]

Four ways to the same log-probabilities and the same gradients of an adapter, on a random Llama in
float32: a row for every completion; the prompt once, its keys and values handed to each completion;
all of a prompt in one row under a mask; and end to end without one, as the trainings have it.
Forward alone, and forward with backward. Seconds are medians of interleaved repetitions.
Prints JSON.
"""

import argparse
import json
import os
import resource
import statistics
import time
from collections.abc import Callable
from typing import Any

import torch
from transformers import LlamaConfig, LlamaForCausalLM

from training.engine import adapters
from training.engine.branches import branch_trace
from training.engine.config import LoraSettings
from training.engine.decoder import Trace, present
from training.engine.shared import shared_trace
from training.engine.tokens import token_terms
from training.engine.ways import handed_trace

Ids = list[list[int]]
Way = Callable[[Any, list[int], Ids], Trace]


def separate(model: Any, prompt: list[int], completions: Ids) -> Trace:
    return handed_trace(model, [prompt] * len(completions), [[each] for each in completions], 0)


def handed_on(model: Any, prompt: list[int], completions: Ids) -> Trace:
    return handed_trace(model, [prompt], [completions], 0)


def one_row(model: Any, prompt: list[int], completions: Ids) -> Trace:
    return shared_trace(model, [prompt], [completions], 0)


def end_to_end(model: Any, prompt: list[int], completions: Ids) -> Trace:
    return branch_trace(model, [prompt], [completions])


WAYS: dict[str, Way] = {
    "separate rows": separate,
    "prompt once": handed_on,
    "one row": one_row,
    "end to end": end_to_end,
}


def build(hidden: int, layers: int) -> Any:
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8192, hidden_size=hidden, intermediate_size=hidden * 8 // 3,
        num_hidden_layers=layers, num_attention_heads=hidden // 64,
        num_key_value_heads=max(1, hidden // 192), tie_word_embeddings=True,
    )  # fmt: skip
    model = LlamaForCausalLM(config).eval().requires_grad_(False)
    adapters.add(model, "policy", LoraSettings(), seed=0)
    return model


def logprobs(model: Any, trace: Trace) -> torch.Tensor:
    before = torch.cat([present(trace.prompt_last)[:, None], present(trace.hidden)[:, :-1]], dim=1)
    return token_terms(model, before[trace.mask], trace.ids[trace.mask])[0]


def run(model: Any, way: Way, prompt: list[int], completions: Ids, backward: bool) -> float:
    """Seconds of one pass."""
    started = time.perf_counter()
    with adapters.active(model, "policy"), torch.set_grad_enabled(backward):
        total = logprobs(model, way(model, prompt, completions)).sum()
        if backward:
            torch.autograd.backward(total)
    return time.perf_counter() - started


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="a small model and few repetitions")
    parser.add_argument("--k", type=int, default=4)
    parser.add_argument("--prompt", type=int, default=512)
    parser.add_argument("--completion", type=int, default=128)
    given = parser.parse_args()
    model = build(192, 4) if given.quick else build(576, 10)
    generator = torch.Generator().manual_seed(1)
    draw = lambda count: torch.randint(8192, (count,), generator=generator).tolist()  # noqa: E731
    prompt, completions = draw(given.prompt), [draw(given.completion) for _ in range(given.k)]
    result: dict[str, Any] = {"k": given.k, "prompt": given.prompt, "completion": given.completion}
    result |= {"threads": torch.get_num_threads(), "load": os.getloadavg()[0]}
    for name, backward in (("forward", False), ("forward and backward", True)):
        times: dict[str, list[float]] = {way: [] for way in WAYS}
        for _ in range(1 + (3 if given.quick else 7)):
            for way, function in WAYS.items():
                times[way].append(run(model, function, prompt, completions, backward))
        medians = {way: statistics.median(each[1:]) for way, each in times.items()}
        base = medians["separate rows"]
        result[name] = {
            way: {"seconds": round(each, 4), "speed-up": round(base / each, 2)}
            for way, each in medians.items()
        }
    result["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    print(json.dumps(result))


if __name__ == "__main__":
    main()

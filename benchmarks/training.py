"""How fast the engine trains and samples, beside the peer doing the same work in turns.

    python -m benchmarks.training [--quick] [--json] [--only NAME] [--repeats N] [--threads N]

Both sides have the same random Llama (float32, on the CPU), the same rankings, the same adapter
(LoRA, rank 16, on every linear layer) and the same number of threads; they take turns, each in a
process and an environment of its own, and the first turn of each is left out. The peer is TRL 1.16
at its best settings, for PPO TRL 1.12, the last that brings it; its batch is the fastest of a few
that are tried beforehand. Ratios are the peer's median seconds by ours, and for memory our peak by
the peer's, each above what the process held after its imports.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.side_by_side import work
from benchmarks.side_by_side.peers import python_of
from benchmarks.side_by_side.turns import Side, Turn, interleave, median, spread
from benchmarks.side_by_side.work import Shape

OURS, TRL, PPO = (
    f"benchmarks.side_by_side.{name}" for name in ("ours", "trl_side", "trl_ppo_side")
)


@dataclass(frozen=True)
class Case:
    """One comparison; its ratio is `name` + "_ratio"."""

    name: str
    work: str
    shape: Shape
    goal: float
    batches: tuple[int, ...]  # of the peer, the fastest of which is taken
    peer: str = "trl-1.16"
    module: str = TRL


CASES = [
    Case("reward_k4", "reward", Shape(24, 4, 64, 96), 3.0, (8, 24)),
    Case("reward_k9", "reward", Shape(4, 9, 64, 96), 6.0, (8, 24)),
    Case("reward_shared", "reward", Shape(8, 4, 512, 128), 6.0, (4, 12)),
    Case("dpo_k4", "dpo", Shape(24, 4, 64, 96), 4.0, (8, 24)),
    Case("ppo", "ppo", Shape(32, 2, 64, 96), 2.0, (16, 32), "trl-1.12", PPO),
    Case("sampling", "sampling", Shape(32, 2, 64, 96), 1.5, (32,)),
]
QUALITY = Case(
    "reward_k4_quality", "quality", Shape(0, 4, 64, 96, held_out=work.HELD_OUT), 1.5, (24,)
)
BUDGETS = (8, 16, 32, 64)  # prompts to learn from, one epoch
QUALITY_SEEDS = (0, 1)  # of the data
QUALITY_REPEATS = 2  # turns at each budget, at most: they are many
NAMES = [*(case.name for case in CASES), QUALITY.name]


def main() -> None:
    options = parse()
    figures: dict[str, float] = {}
    with tempfile.TemporaryDirectory(prefix="concord-bench-") as scratch:
        folder = Path(scratch)
        make_model(folder / "model", layers=2 if options.quick else 8)
        for case in CASES:
            if options.only in (None, case.name):
                figures |= compare(shrunk(case) if options.quick else case, folder, options)
        if options.only in (None, QUALITY.name) and not (options.quick and not options.only):
            figures |= compare_quality(folder, options)
    print(json.dumps(figures))


def parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0] if __doc__ else "")
    parser.add_argument("--quick", action="store_true", help="A small model, one repeat.")
    parser.add_argument("--json", action="store_true", help="Print the JSON line alone.")
    parser.add_argument("--only", choices=NAMES, help="Run one comparison.")
    parser.add_argument("--repeats", type=int, default=3)
    parser.add_argument("--threads", type=int, default=2)
    options = parser.parse_args()
    if options.quick:
        options.repeats = 1
    return options


def shrunk(case: Case) -> Case:
    return replace(case, shape=replace(case.shape, prompts=4), batches=case.batches[-1:])


def make_model(folder: Path, layers: int) -> None:
    """Write a random Llama of 8,192 tokens, of which its tokenizer uses the bytes."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    from training.engine.tiny import byte_tokenizer

    tokenizer = byte_tokenizer()
    torch.manual_seed(0)
    config = LlamaConfig(
        vocab_size=8192, hidden_size=256, intermediate_size=688, num_hidden_layers=layers,
        num_attention_heads=4, num_key_value_heads=4, max_position_embeddings=2048,
        tie_word_embeddings=True, pad_token_id=tokenizer.pad_token_id,
        bos_token_id=tokenizer.bos_token_id, eos_token_id=tokenizer.eos_token_id,
    )  # fmt: skip
    LlamaForCausalLM(config).save_pretrained(folder)
    tokenizer.save_pretrained(folder)


def compare(case: Case, folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Let both sides work in turns; returns the ratio, for PPO also that of memory."""
    data = folder / f"{case.name}.jsonl"
    work.save(work.make(case.shape), data)
    batch = best_batch(case, folder, data, options)
    sides = [ours(case, folder, data, options), peer(case, folder, data, batch, options)]
    turns = interleave(sides, options.repeats)
    ratio = median(turns["peer"], "seconds") / median(turns["ours"], "seconds")
    figures = {f"{case.name}_ratio": round(ratio, 2)}
    if case.name == "ppo":
        held = {name: max(turn["peak_mb"] for turn in each) for name, each in turns.items()}
        figures["ppo_memory_ratio"] = round(held["ours"] / held["peer"], 3)
    tell(options, case, figures, {"batch": batch, "seconds": spread(turns, "seconds")})
    return figures


def ours(case: Case, folder: Path, data: Path, options: argparse.Namespace) -> Side:
    arguments = (case.work, str(folder / "model"), str(data))
    return Side.start("ours", sys.executable, OURS, *arguments, threads=options.threads)


def peer(case: Case, folder: Path, data: Path, batch: int, options: argparse.Namespace) -> Side:
    arguments = (case.work, str(folder / "model"), str(data), str(batch))
    python = python_of(case.peer)
    return Side.start("peer", python, case.module, *arguments, threads=options.threads)


def best_batch(case: Case, folder: Path, data: Path, options: argparse.Namespace) -> int:
    """Return the peer's fastest batch, by one turn of each after one to warm up."""
    if len(case.batches) == 1:
        return case.batches[0]
    seconds = {}
    for batch in case.batches:
        turns = interleave([peer(case, folder, data, batch, options)], repeats=1)
        seconds[batch] = median(turns["peer"], "seconds")
    return min(seconds, key=lambda batch: seconds[batch])


def compare_quality(folder: Path, options: argparse.Namespace) -> dict[str, float]:
    """Compare the seconds to equal held-out accuracy, over budgets of prompts to learn from.

    The accuracy is the highest that both reach; a side's time is that of its cheapest budget
    which reaches it. The mean ratio over data of several seeds, which are told one by one.
    """
    ratios, details = [], []
    for seed in QUALITY_SEEDS:
        curves = quality_curves(seed, folder, options)
        target = min(max(turn["accuracy"] for turn in curve) for curve in curves.values())
        needed = {
            name: min((turn for turn in curve if turn["accuracy"] >= target), key=seconds_of)
            for name, curve in curves.items()
        }
        ratios.append(seconds_of(needed["peer"]) / seconds_of(needed["ours"]))
        spreads = {name: turn["spread"] for name, turn in needed.items()}
        details.append({"seed": seed, "ratio": round(ratios[-1], 2), "accuracy": round(target, 3)})
        details[-1] |= {"seconds": spreads}
    figures = {"reward_k4_quality_ratio": round(statistics.mean(ratios), 2)}
    tell(options, QUALITY, figures, {"seeds": details})
    return figures


def seconds_of(turn: Turn) -> float:
    return float(turn["seconds"])


def quality_curves(seed: int, folder: Path, options: argparse.Namespace) -> dict[str, list[Turn]]:
    """Each side's median turn for each budget, with the least and the greatest of its seconds."""
    curves: dict[str, list[Turn]] = {"ours": [], "peer": []}
    for budget in BUDGETS:
        case = replace(QUALITY, shape=replace(QUALITY.shape, prompts=budget))
        data = folder / f"{case.name}.jsonl"
        work.save(work.make(case.shape, seed), data)
        sides = [
            ours(case, folder, data, options),
            peer(case, folder, data, case.batches[0], options),
        ]
        turns = interleave(sides, min(options.repeats, QUALITY_REPEATS))
        spreads = spread(turns, "seconds")
        for name, each in turns.items():
            curves[name].append({**middle(each), "spread": spreads[name]})
    return curves


def middle(turns: Sequence[Turn]) -> Turn:
    return {field: statistics.median(turn[field] for turn in turns) for field in turns[0]}


def tell(
    options: argparse.Namespace, case: Case, figures: dict[str, float], detail: dict[str, Any]
) -> None:
    if options.json:
        return
    for name, figure in figures.items():
        goal = "at most 0.5" if "memory" in name else f"at least {case.goal}"
        print(f"{name:<26}{figure:>8}  ({goal})  {json.dumps(detail)}", flush=True)


if __name__ == "__main__":
    main()

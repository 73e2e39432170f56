"""One training by one process and by two, on gloo, in float64; prints how far apart they are.

    python -m tests.training.engine.together FOLDER METHOD[+VARIANT…]…

A process of its own, which forks one for each rank: everything is imported once. FOLDER holds
`model`, `rankings.jsonl` and `prompts.jsonl`. A variant is one of VARIANTS, or `stopped`: then two
processes begin, one goes on, and two end. Prints one JSON object a method.
"""

from __future__ import annotations

import json
import os
import socket
import sys
import traceback
from pathlib import Path
from typing import Any

import torch
from transformers.models.llama.modeling_llama import LlamaRMSNorm

from training.engine import backbone as backbones
from training.engine import loop
from training.engine.checkpoints import load
from training.engine.command import reports  # noqa: F401  imported before the first fork
from training.engine.command.main import INTERRUPTED, main

SMALL = ("--lora-rank", "2", "--samples", "0")
# Three prompts a step, so that two processes never have the same share, and once one has none.
STEPS = (*SMALL, "--epochs", "2", "--prompts-per-step", "3", "--validate-every", "2")
ROLLOUTS = (
    *SMALL, "--prompts-per-step", "3", "--samples-per-prompt", "2", "--max-new-tokens", "6",
    "--learning-rate", "1e-3", "--reward", "TASTE", "--validate-every", "2", "--batch-tokens", "64",
)  # fmt: skip
OPTIONS = {
    "reward": ("--depth", "lora", "--lora-rank", "2", "--prompts-per-step", "3"),
    "ppo": (*ROLLOUTS, "--minibatch", "3", "--kl-controller", "proportional", "--ptx-weight", "0.1",
            "--demonstrations", "RANKINGS"),
    "taste": ("--l2", "1", "--layer", "1"),
    "reinforce": ROLLOUTS,
    "rloo": ROLLOUTS,
}  # fmt: skip


VARIANTS = {
    "full": ("--depth", "full"),
    "deep": ("--value-depth", "full"),
    "shard": ("--shard",),
    "recompute": ("--recompute",),
    "separate": ("--separate",),
    "single": ("--prompts-per-step", "1"),
}


def compare(folder: Path, method: str) -> dict[str, Any]:
    """Return the largest difference of weights and metrics between one process and two."""
    one, two = (folder / f"{method}-{count}" for count in (1, 2))
    _start(folder, method, one, 1)
    if "stopped" in method:
        for count in (2, 1):
            _start(folder, method, two, count, stop=True)
    _start(folder, method, two, 2)
    lines = [
        [json.loads(line) for line in (each / "metrics.jsonl").read_text().splitlines()]
        for each in (one, two)
    ]
    return {
        "method": method,
        "steps": len(lines[0]),
        "weights": _apart_weights(one / "adapter", two / "adapter"),
        "metrics": max(
            abs(first[name] - second[name]) / max(1.0, abs(first[name]))
            for first, second in zip(*lines, strict=True)
            for name in first.keys() | second.keys()
        ),
        "same_files": _names(one) == _names(two),
    }


def _names(folder: Path) -> list[str]:
    return sorted(str(each.relative_to(folder)) for each in folder.rglob("*"))


def _apart_weights(one: Path, two: Path) -> float:
    first, second = (load(each).tensors for each in (one, two))
    return max(
        (first[group][name].double() - second[group][name].double()).abs().max().item()
        for group in first
        for name in first[group]
    )


def _start(folder: Path, method: str, out: Path, count: int, stop: bool = False) -> None:
    """Run a method with so many processes, all of which must end well, or stop after a step."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    children = []
    for rank in range(count):
        child = os.fork()
        if child == 0:
            os.environ |= {
                "RANK": str(rank), "LOCAL_RANK": str(rank), "WORLD_SIZE": str(count),
                "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(port),
            }  # fmt: skip
            os._exit(_run(folder, method, out, stop))
        children.append(child)
    codes = [os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) for child in children]
    assert codes == [INTERRUPTED if stop else 0] * count, codes


def _run(folder: Path, method: str, out: Path, stop: bool) -> int:
    method, *variants = method.split("+")
    options = OPTIONS.get(method, STEPS)
    options += tuple(word for each in variants for word in VARIANTS.get(each, ()))
    if stop:
        _stop_after_a_step()
    data = folder / ("prompts.jsonl" if "--reward" in options else "rankings.jsonl")
    places = {"TASTE": str(folder / "taste"), "RANKINGS": str(folder / "rankings.jsonl")}
    try:
        with open(os.devnull, "w") as nowhere:
            sys.stdout = nowhere
            return main(
                ["reward" if method == "taste" else method, "--data", str(data), "--device", "cpu",
                 "--model", str(folder / "model"), "--out", str(out), "--json",
                 *(places.get(each, each) for each in options)]
            )  # fmt: skip
    except BaseException:
        traceback.print_exc()
        return 1


def _stop_after_a_step() -> None:
    plain = loop.Loop.run

    def run(self, deadline=None, on_progress=None, should_stop=None):
        return plain(self, 0.0, on_progress, should_stop)

    loop.Loop.run = run  # type: ignore[method-assign]


def _in_double() -> None:
    """Load every model in float64, whose norms transformers would compute in float32."""

    def norm(self: Any, states: torch.Tensor) -> Any:
        size = states.pow(2).mean(-1, keepdim=True)
        return self.weight * states * torch.rsqrt(size + self.variance_epsilon)

    LlamaRMSNorm.forward = norm  # type: ignore[method-assign, assignment]
    plain = backbones._read

    def read_double(folder: Path, dtype: torch.dtype, place: torch.device) -> Any:
        return plain(folder, torch.float64, place)

    backbones._read = read_double


if __name__ == "__main__":
    torch.set_num_threads(1)
    _in_double()
    root = Path(sys.argv[1])
    if not {"ppo", "reinforce", "rloo"}.isdisjoint(each.split("+")[0] for each in sys.argv[2:]):
        _start(root, "taste", root / "taste", 1)
    for name in sys.argv[2:]:
        sys.stdout.write(json.dumps(compare(root, name)) + "\n")
        sys.stdout.flush()

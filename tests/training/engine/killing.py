"""Kill runs of the command line with SIGKILL, start them again, and compare with runs left alone.

    python -m tests.training.engine.killing FOLDER RUN,RUN… SEED…

A process of its own, which forks one for each run: everything is imported once, and no thread
lives while it forks. FOLDER holds `model`, `rankings.jsonl` and `sentences.jsonl`. Prints one JSON
object a method and seed.
"""

from __future__ import annotations

import json
import os
import random
import signal
import sys
import time
from pathlib import Path

import torch

from training.engine import loop, reward_lora  # noqa: F401  imported before the first fork
from training.engine.checkpoints import verify
from training.engine.command import reports  # noqa: F401
from training.engine.command.main import main
from training.engine.command.options import METHODS

LORA = ("--lora-rank", "2", "--samples", "0")
DIRECT = (*LORA, "--epochs", "2", "--prompts-per-step", "2", "--validate-every", "3")
ROLLOUTS = (
    *LORA, "--prompts-per-step", "2", "--samples-per-prompt", "2", "--max-new-tokens", "6",
    "--learning-rate", "1e-3", "--reward", "vader", "--validate-every", "2",
)  # fmt: skip
# After the plus, what is other than usual.
FULL = ("sft+full", "dpo+full", "ppo+full")  # all weights learn, not an adapter
RUNS = (*METHODS, *FULL)
MORE_RUNS = ("reward+head", "reward+full", "ppo+value-lora", "ppo+value-full")
OTHERWISE = {
    "": (),
    "head": ("--depth", "head"),
    "full": ("--depth", "full"),
    "value-lora": ("--value-depth", "lora"),
    "value-full": ("--value-depth", "full"),
}
OPTIONS = {
    **dict.fromkeys(METHODS, DIRECT),
    "reward": ("--depth", "lora", "--lora-rank", "2", "--prompts-per-step", "2"),
    "ppo": (*ROLLOUTS, "--minibatch", "2", "--kl-controller", "proportional"),
    "reinforce": ROLLOUTS,
    "rloo": ROLLOUTS,
}


def prove(folder: Path, method: str, seed: int) -> dict[str, object]:
    """Return what a killed and resumed run came to, beside one that was left alone."""
    chance = random.Random(f"{method}/{seed}")
    whole, parts = (folder / f"{method}-{seed}-{name}" for name in ("whole", "parts"))
    began = time.monotonic()
    assert _start(folder, method, seed, whole) == 0
    took = time.monotonic() - began
    # One death comes between two steps, the other anywhere, or never if the end comes first.
    step = chance.randrange(1, 4)
    kills = int(_start(folder, method, seed, parts, step) == -signal.SIGKILL)
    moment = chance.uniform(0.1, 0.9) * took
    kills += _start(folder, method, seed, parts, moment=moment) == -signal.SIGKILL
    assert _start(folder, method, seed, parts) == 0
    weights, lines = zip(*map(_left, (whole, parts)), strict=True)
    return {
        "method": method,
        "seed": seed,
        "kills": kills,
        "same_weights": weights[0] == weights[1],
        "same_metrics": lines[0] == lines[1],
    }


def _left(out: Path) -> tuple[str, str]:
    """Return what names the weights that a run left, and its metrics; a head has no steps."""
    report, metrics = json.loads((out / "report.json").read_text()), out / "metrics.jsonl"
    head = verify(out / "head") if (out / "head").exists() else ""
    return f"{report.get('sha256')} {head}", metrics.read_text() if metrics.exists() else ""


def _start(
    folder: Path, method: str, seed: int, out: Path, step: int | None = None,
    moment: float | None = None,
) -> int:  # fmt: skip
    """Run a method in a child that dies at a step, or a moment after its start; how it ended."""
    child = os.fork()
    if child == 0:
        os._exit(_run(folder, method, seed, out, step))
    if moment is not None:
        time.sleep(moment)
        os.kill(child, signal.SIGKILL)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def _run(folder: Path, method: str, seed: int, out: Path, step: int | None) -> int:
    loop.SAVE_SECONDS = 0.0  # the most that there is to tear
    if step is not None:
        _die_at(step)
    method, _, other = method.partition("+")
    data = "rankings.jsonl" if method not in ("ppo", "reinforce", "rloo") else "prompts.jsonl"
    with open(os.devnull, "w") as nowhere:
        sys.stdout = nowhere
        return main(
            [method, "--data", str(folder / data), "--model", str(folder / "model"),
             "--out", str(out), "--seed", str(seed), "--device", "cpu", *OPTIONS[method],
             *OTHERWISE[other]]
        )  # fmt: skip


def _die_at(step: int) -> None:
    """Let the child kill itself after so many more steps, before they are saved."""
    plain = loop.Loop.run

    def run(self, deadline=None, on_progress=None, should_stop=None):
        made = iter(range(1, 10**6))

        def die(done: int, total: int) -> None:
            if next(made) == step:
                os.kill(os.getpid(), signal.SIGKILL)

        return plain(self, deadline, die, should_stop)

    loop.Loop.run = run  # type: ignore[method-assign]


if __name__ == "__main__":
    torch.set_num_threads(1)
    for number in sys.argv[3:]:
        for name in sys.argv[2].split(","):
            sys.stdout.write(json.dumps(prove(Path(sys.argv[1]), name, int(number))) + "\n")
            sys.stdout.flush()

"""What each kind of job does. A step is ``run(lease)``: it computes, writes under the lease, and
ends inside ``lease.finishing`` by asking for what comes next."""

from collections.abc import Callable
from importlib import import_module

from training.jobs import Lease

KINDS = (
    "convert", "features", "samples", "embed", "reward", "policy", "ppo", "sft", "evaluate",
    "publish", "turn", "arena", "scores",
)  # fmt: skip


def step_of(kind: str) -> Callable[[Lease], None]:
    """The function that does jobs of this kind; its module, and torch, load on first use."""
    if kind not in KINDS:
        raise LookupError(f"There is no step {kind!r}.")
    run: Callable[[Lease], None] = import_module(f"training.steps.{kind}").run
    return run

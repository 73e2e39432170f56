"""What may import what."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"torch", "transformers", "peft", "numpy", "scipy", "django", "tokenizers", "safetensors"}


@pytest.mark.parametrize(
    ("module", "allowed"),
    [
        ("config", set()),
        ("command.options", set()),
        ("errors", set()),
        ("records", set()),
        ("runs", set()),
        ("evaluate", {"numpy"}),
        ("losses", {"torch", "numpy"}),
        ("direct_losses", {"torch", "numpy"}),
        ("ppo.config", set()),
        ("ppo.losses", {"torch", "numpy"}),
        ("ppo.advantages", {"torch", "numpy"}),
        ("ppo.kl", {"torch", "numpy"}),
        ("sequences", {"torch", "numpy"}),
    ],
)
def test_a_small_module_needs_little(module: str, allowed: set[str]):
    code = f"import training.engine.{module}, sys; print(*sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert set(out.stdout.split()) & HEAVY <= allowed


def test_the_engine_needs_no_django():
    modules = ["convert", "ppo.trainer", "preference", "reward_lora", "sampling", "sft", "tiny"]
    modules += ["__main__", "command.reports"]
    code = "import sys\n" + "\n".join(f"import training.engine.{each}" for each in modules)
    code += "\nprint('django' in sys.modules)"
    out = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert out.stdout.strip() == "False"

"""The peers' environments, made when they are first asked for, apart from our own."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.side_by_side.turns import ROOT

FOLDER = Path(os.environ.get("PEERS_DIR", ROOT / "var" / "peers"))
TORCH = "torch==2.13.0"
PEERS = {
    "trl-1.16": [TORCH, "trl==1.16.0", "transformers==5.23.0", "peft", "datasets"],
    # The last that brings PPO.
    "trl-1.12": [TORCH, "trl==1.12.0", "transformers==5.23.0", "peft", "datasets"],
    # Served by the same server as we are, not by Django's for developers.
    "label-studio-1.23": ["label-studio==1.23.2", "granian"],
}


def python_of(peer: str) -> str:
    """Return the interpreter of a peer's environment. Exits when it cannot be made."""
    folder = FOLDER / peer
    python, done = folder / "bin" / "python", folder / "installed"
    if not done.exists():
        print(f"Installing {peer}; this takes some minutes …", file=sys.stderr)
        wanted = [str(python), "-m", "pip", "install", "--quiet", *PEERS[peer]]
        for command in ([sys.executable, "-m", "venv", str(folder)], wanted):
            if subprocess.run(command, stderr=subprocess.DEVNULL).returncode:
                sys.exit(f"{peer} cannot be installed: {' '.join(command)}")
        done.touch()
    return str(python)

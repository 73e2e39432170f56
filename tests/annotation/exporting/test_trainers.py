"""What is exported for TRL trains TRL's trainers as it is, for a step.

TRL is no requirement of this project. The environment is made once from ``trl/requirements.txt``,
in PEERS_DIR or ``var/peers``, and kept; the model is a tiny random one over bytes.
"""

import fcntl
import json
import os
import subprocess
import sys
import venv
from hashlib import sha256
from pathlib import Path

import pytest

from annotation.exporting import Terms, export
from annotation.pairs import Ties
from tests.annotation.interchange import many_rankings, ranking
from training.engine.tiny import make_tiny_model

pytestmark = [pytest.mark.slow, pytest.mark.timeout(1800)]
HERE = Path(__file__).parent / "trl"
ROOT = Path(__file__).resolve().parents[3]
TALK = [{"role": "system", "content": "Be brief."}, {"role": "user", "content": "Why?"}]
FILES = {
    "Reward": ("trl", "trl-conversational", "hf"),
    "DPO": ("trl", "trl-conversational", "hf"),
    "KTO": ("kto",),
    "SFT": ("sft",),
}


@pytest.fixture(scope="session")
def trl_python():
    """The interpreter of an environment that holds what ``requirements.txt`` pins, no more."""
    pins = HERE / "requirements.txt"
    name = f"trl-{sha256(pins.read_bytes()).hexdigest()[:12]}"
    folder = Path(os.environ.get("PEERS_DIR", ROOT / "var" / "peers")) / name
    python, done = folder / "bin" / "python", folder / "installed"
    folder.parent.mkdir(parents=True, exist_ok=True)
    with folder.with_suffix(".lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not done.exists():
            venv.create(folder, with_pip=True, clear=True)
            install([str(python), "-m", "pip", "install", "--requirement", str(pins)])
            done.touch()
    return python


def install(command):
    ran = subprocess.run(command, capture_output=True, text=True, check=False)
    if ran.returncode:
        last = ran.stderr.strip().splitlines()[-1:] or ["pip said nothing"]
        pytest.fail(
            f"TRL's environment cannot be made: {last[0]} Is the package registry within reach? "
            f"By hand: {' '.join(command)}",
            pytrace=False,
        )


@pytest.fixture(scope="session")
def model(tmp_path_factory):
    return make_tiny_model(tmp_path_factory.mktemp("model") / "tiny", train_steps=0, hidden=32)


@pytest.fixture
def step(trl_python, model, tmp_path):
    """What a step of a trainer on a file came to."""

    def run(trainer, file):
        ran = subprocess.run(
            [str(trl_python), str(HERE / "step.py"), trainer, str(file), str(model)],
            capture_output=True,
            text=True,
            check=False,
            env={**os.environ, "HF_HUB_OFFLINE": "1", "HF_HOME": str(tmp_path / "hf")},
        )
        assert ran.returncode == 0, ran.stderr[-3000:]
        return json.loads(ran.stdout.splitlines()[-1])

    return run


@pytest.mark.parametrize(
    ("trainer", "format"), [(name, each) for name, formats in FILES.items() for each in formats]
)
def test_a_step_is_made_on_the_export_as_it_is(trainer, format, cast, take_in, step, tmp_path):
    # Plain texts have no form for a conversation.
    talks = [] if format == "trl" else [ranking(TALK, ("a", "b"), ranks=[1, 2])]
    take_in(*many_rankings(12), *talks)
    manifest = export(cast.project, format, tmp_path / "out.jsonl", Terms(ties=Ties.DROP))

    said = step(trainer, tmp_path / "out.jsonl")

    if format != "hf":
        assert said["rows"] == manifest.rows
    assert (said["steps"], said["loss"] > 0, said["moved"] > 0) == (1, True, True), said


def test_without_the_registry_one_line_says_so(tmp_path):
    nowhere = ["--no-index", "--find-links", str(tmp_path), "trl==0.0.0"]
    with pytest.raises(pytest.fail.Exception, match="package registry within reach"):
        install([sys.executable, "-m", "pip", "install", "--dry-run", *nowhere])

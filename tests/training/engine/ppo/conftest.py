"""Small settings, and rewards that a tiny random model can earn."""

from __future__ import annotations

from hashlib import sha256
from pathlib import Path

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

from training.engine import adapters, tiny
from training.engine.backbone import Backbone, load_backbone
from training.engine.config import LoraSettings
from training.engine.loop import Trained
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.rewards import Reward
from training.engine.ppo.rollouts import Roles
from training.engine.ppo.trainer import train_ppo
from training.engine.reward import HeadFit
from training.engine.sequences import Encoded

SMALL = PpoSettings(
    learning_rate=3e-3, value_learning_rate=1e-2, epochs=3, prompts_per_step=4,
    samples_per_prompt=2, batch_epochs=2, minibatch=4, max_new_tokens=8, update_kl=10.0,
    lora=LoraSettings(rank=4),
)  # fmt: skip


def high_share(row: Encoded) -> float:
    """The share of a completion's bytes in the upper half of the vocabulary."""
    return sum(each >= 134 for each in row.completion) / len(row.completion)


@pytest.fixture
def reward() -> Reward:
    return Reward("share of high bytes", lambda rows, texts: [high_share(row) for row in rows])


def trained(*args, **kwargs) -> Trained:
    """`train_ppo` to the end."""
    done = train_ppo(*args, **kwargs)
    assert isinstance(done, Trained)
    return done


def same(first: Path, second: Path) -> bool:
    """Whether two finished checkpoints agree to the bit: policy and value head."""
    for name in ("adapter_model", "value"):
        one, two = (load_file(each / f"{name}.safetensors") for each in (first, second))
        if one.keys() != two.keys() or not all(one[key].equal(two[key]) for key in one):
            return False
    return True


@pytest.fixture(scope="session")
def taught_folder(request: pytest.FixtureRequest) -> Path:
    """A model that writes sentences, made once for as long as what makes it stays the same."""
    source = sha256(Path(tiny.__file__).read_bytes()).hexdigest()[:12]
    assert request.config.cache is not None
    return tiny.make_tiny_model(request.config.cache.mkdir("tiny-model") / source)


@pytest.fixture
def taught(taught_folder: Path) -> Backbone:
    return load_backbone(taught_folder, device="cpu")


@pytest.fixture
def head(backbone: Backbone) -> HeadFit:
    chance = np.random.default_rng(2)
    weights, mean = chance.normal(size=(2, backbone.hidden))
    return HeadFit(weights, mean / 10, chance.uniform(0.5, 1.0, backbone.hidden), -1.0)


def scramble(backbone: Backbone, name: str, seed: int = 5) -> None:
    """Give an adapter weights that change what is said."""
    with torch.random.fork_rng(), torch.no_grad():
        torch.manual_seed(seed)
        for parameter in adapters.parameters(backbone.model, name).values():
            parameter.normal_(std=0.2)


@pytest.fixture
def roles(exact: Backbone, reward: Reward) -> Roles:
    """A model in float64 with a policy that says something of its own."""
    adapters.add(exact.model, "policy", SMALL.lora, seed=1)
    scramble(exact, "policy")
    exact.model.double()
    return Roles(exact, "policy", None, reward)

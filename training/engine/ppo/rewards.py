"""Where a completion's score comes from, and what a value head can take over from it."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from torch import Tensor

from training.engine import checkpoints
from training.engine.backbone import Backbone
from training.engine.config import Pooling, RewardSettings
from training.engine.errors import CheckpointDamaged, EngineError, TrainingDiverged
from training.engine.loop import fingerprint_of
from training.engine.reward import HeadFit
from training.engine.reward_lora import HEAD, load_full, score_lora, score_with
from training.engine.scoring import features
from training.engine.sequences import Encoded

Scorer = Callable[[Sequence[Encoded], Sequence[str]], Sequence[float]]  # rows and their texts


@dataclass(frozen=True)
class Reward:
    """A score for whole completions; only its differences matter."""

    identity: str  # names it in a run's fingerprint: another reward is another run
    scorer: Scorer
    head: HeadFit | None = None  # linear in the trunk's features, where it is
    layer: float = 0.5  # the features that `head` reads
    pooling: Pooling = "mean"
    adapter: Path | None = None  # under which it reads them; None for the trunk alone
    model: Backbone | None = None  # whose trunk it reads, where it has one of its own
    offset: float = 0.0  # by how much `head` scores above the reward

    def score(self, rows: Sequence[Encoded], texts: Sequence[str]) -> list[float]:
        """Return the scores; raises as `checked` does."""
        return self.checked(self.scorer(rows, texts), rows, texts)

    def checked(
        self, found: Iterable[float], rows: Sequence[Encoded], texts: Sequence[str]
    ) -> list[float]:
        """Return scores; EngineError for another number, TrainingDiverged for a NaN."""
        scores = [float(each) for each in found]
        if len(scores) != len(rows):
            raise EngineError(f"the reward gave {len(scores)} scores for {len(rows)} completions")
        for score, text in zip(scores, texts, strict=True):
            if not math.isfinite(score):
                raise TrainingDiverged(f"the reward of {text[:60]!r} is {score}")
        return scores


@dataclass(frozen=True)
class HeadScorer:
    """A head on the frozen trunk's features: who has read these needs no pass of its own."""

    trunk: Backbone
    head: HeadFit
    layer: float
    pooling: Pooling

    def __call__(self, rows: Sequence[Encoded], texts: Sequence[str]) -> list[float]:
        """Return the scores of completions."""
        return self.of(features(self.trunk, rows, self.layer, self.pooling))

    def of(self, pooled: Tensor) -> list[float]:
        """Return the scores of completions whose features [N, H] are known."""
        found: list[float] = self.head.score(pooled).tolist()
        return found


def head_reward(
    backbone: Backbone, head: HeadFit, layer: float = 0.5, pooling: Pooling = "mean"
) -> Reward:
    """Return the reward of a head on the frozen trunk's features."""
    arrays = [each.tolist() for each in (head.weights, head.mean, head.scale)]
    identity = fingerprint_of(backbone.encoder_name(layer, pooling), arrays)
    return Reward(identity, HeadScorer(backbone, head, layer, pooling), head, layer, pooling)


def lora_reward(backbone: Backbone, folder: Path, settings: RewardSettings) -> Reward:
    """Return the reward that `train_lora` saved in `folder`; raises CheckpointDamaged.

    One of depth "full" keeps a second trunk in memory.
    """
    checkpoint = checkpoints.load(folder)
    tensors = checkpoint.tensors.get(HEAD, {})
    if not {"weights", "mean", "scale", "log_nu"} <= set(tensors):
        raise CheckpointDamaged(f"{folder} holds no reward head")
    weights, mean, scale = (tensors[name].numpy() for name in ("weights", "mean", "scale"))
    head = HeadFit(weights, mean, scale, float(tensors["log_nu"]))

    deep = load_full(backbone, folder, settings) if settings.depth == "full" else None

    def score(rows: Sequence[Encoded], texts: Sequence[str]) -> Sequence[float]:
        found: list[float]
        if deep is not None:
            found = score_with(deep, folder, rows, settings).tolist()
        else:
            found = score_lora(backbone, folder, rows, settings).tolist()
        return found

    adapter = None if deep else folder
    return Reward(
        checkpoint.manifest_sha256, score, head, settings.layer, settings.pooling, adapter, deep
    )


def text_reward(identity: str, score: Callable[[str], float]) -> Reward:
    """Return a reward that reads the text alone; `identity` has to change whenever it does."""
    return Reward(identity, lambda rows, texts: [score(text) for text in texts])

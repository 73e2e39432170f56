"""Best of n: no training, n samples of a prompt, the one that the reward likes best.

What policy optimisation is compared with: its KL is known without measuring it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from training.engine.backbone import Backbone
from training.engine.config import SamplingSettings
from training.engine.loop import derived_seed
from training.engine.ppo.rewards import Reward
from training.engine.sampling import Sample, sample
from training.engine.sequences import Encoded


@dataclass(frozen=True)
class Best:
    """The best of a prompt's samples."""

    sample: Sample
    score: float
    mean: float  # of all n scores: what one sample would have earned


def best_of_n(
    backbone: Backbone,
    prompts: Sequence[Sequence[int]],
    reward: Reward,
    settings: SamplingSettings,
    adapter: Path | None = None,
    *,
    draw: Callable[..., Iterable[Sample]] = sample,
    first: int = 0,
) -> list[Best]:
    """Return the best of `settings.completions_per_prompt` samples of each prompt, in order.

    `draw` is `sampling.sample` or another that takes the same; `first` is the number of the first
    prompt, from which the seeds follow.
    """
    n = settings.completions_per_prompt
    seeds = [
        [
            derived_seed(settings.seed, "best-of-n", (first + index) * n + place)
            for place in range(n)
        ]
        for index in range(len(prompts))
    ]
    with backbone.adapter(adapter):
        drawn = sorted(
            draw(backbone, prompts, seeds, settings),
            key=lambda each: (each.prompt_index, seeds[each.prompt_index].index(each.seed)),
        )
    rows = [Encoded(list(prompts[each.prompt_index]), each.token_ids) for each in drawn]
    scores = reward.score(rows, [each.text for each in drawn])
    return [_best(drawn[start : start + n], scores[start : start + n])
            for start in range(0, len(drawn), n)]  # fmt: skip


def best_of_n_kl(n: int) -> float:
    """Return KL(best of n || the policy sampled from) in nats: log n - (n - 1) / n.

    Exact where no two samples score alike, else an upper bound (Stiennon et al. 2020).
    """
    return math.log(n) - (n - 1) / n


def _best(drawn: Sequence[Sample], scores: Sequence[float]) -> Best:
    place = max(range(len(scores)), key=scores.__getitem__)
    return Best(drawn[place], scores[place], sum(scores) / len(scores))

"""The engine's turn: ``python -m benchmarks.side_by_side.ours WORK MODEL DATA``."""

from __future__ import annotations

import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import torch

from benchmarks.side_by_side import memory
from benchmarks.side_by_side.work import HELD_OUT, Item, accuracy, answer, load
from training.engine.backbone import Backbone, load_backbone
from training.engine.config import PreferenceSettings, RewardSettings, SamplingSettings
from training.engine.loop import Trained, derived_seed
from training.engine.ppo.config import PpoSettings
from training.engine.ppo.rewards import head_reward
from training.engine.ppo.trainer import train_ppo
from training.engine.preference import PreferenceExample, train_preference
from training.engine.reward import HeadFit, fit_head
from training.engine.reward_lora import RewardExample, score_lora, train_lora
from training.engine.sampling import sample
from training.engine.scoring import completion_logprobs, features
from training.engine.sequences import Encoded

Work = Callable[[Backbone, list[Item]], dict[str, Any]]
QUALITY = RewardSettings(depth="lora", ties=False, learning_rate=1e-3, warmup_share=0.0)
REWARD = RewardSettings(
    depth="lora", layer=1.0, pooling="last", ties=False, learning_rate=1e-3, warmup_share=0.0
)


def ids(backbone: Backbone, text: str) -> list[int]:
    found: list[int] = backbone.tokenizer(text, add_special_tokens=False)["input_ids"]
    return found


def ended(backbone: Backbone, item: Item) -> list[list[int]]:
    return [[*ids(backbone, text), backbone.eos_id] for text in item.completions]


def no_head(backbone: Backbone) -> HeadFit:
    """Return a head that has learned nothing yet."""
    width = backbone.hidden
    return HeadFit(np.zeros(width), np.zeros(width), np.ones(width), float("-inf"))


def rankings(backbone: Backbone, items: list[Item]) -> list[RewardExample]:
    return [
        RewardExample(str(index), ids(backbone, item.prompt), ended(backbone, item), item.ranks)
        for index, item in enumerate(items)
    ]


def timed(work: Callable[[Path], Any]) -> float:
    """Return the seconds that it takes in an empty folder."""
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        work(Path(folder) / "run")
        return time.perf_counter() - started


def reward(backbone: Backbone, items: list[Item]) -> dict[str, Any]:
    """One epoch of the reward model, adapter and head."""
    examples = rankings(backbone, items)
    head = no_head(backbone)
    return {"seconds": timed(lambda out: train_lora(backbone, examples, head, REWARD, out))}


def dpo(backbone: Backbone, items: list[Item]) -> dict[str, Any]:
    """One epoch of DPO; the reference's log-probabilities are known."""
    examples = []
    for index, item in enumerate(items):
        prompt, completions = ids(backbone, item.prompt), ended(backbone, item)
        rows = [Encoded(prompt, each) for each in completions]
        reference, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
        examples.append(
            PreferenceExample(str(index), prompt, completions, item.ranks, reference.tolist())
        )
    settings = PreferenceSettings(nll_weight=0.0, prompts_per_step=8)
    return {"seconds": timed(lambda out: train_preference(backbone, examples, settings, out))}


def sampling(backbone: Backbone, items: list[Item]) -> dict[str, Any]:
    """4 samples of 64 tokens for each prompt; nothing ends them earlier."""
    prompts = [ids(backbone, item.prompt) for item in items]
    seeds = [
        [derived_seed(0, "bench", 4 * place + k) for k in range(4)] for place in range(len(prompts))
    ]
    settings = SamplingSettings(completions_per_prompt=4, max_new_tokens=64)
    started = time.perf_counter()
    drawn = list(sample(backbone, prompts, seeds, settings))
    seconds = time.perf_counter() - started
    return {"seconds": seconds, "tokens": sum(len(each.token_ids) for each in drawn)}


def ppo(backbone: Backbone, items: list[Item]) -> dict[str, Any]:
    """One step: a rollout for each prompt, then four epochs of updates over them.

    The value head reads the frozen trunk, as the peer's does here.
    """
    prompts = [ids(backbone, item.prompt) for item in items]
    settings = PpoSettings(
        prompts_per_step=len(prompts), minibatch=len(prompts), batch_epochs=4, update_kl=1e9,
        max_new_tokens=64, value_depth="head", value_layer=1.0, value_pooling="last",
    )  # fmt: skip
    reward = head_reward(backbone, no_head(backbone), layer=1.0, pooling="last")
    memory.restart_peak()
    seconds = timed(lambda out: train_ppo(backbone, prompts, reward, settings, out))
    return {"seconds": seconds, "peak_mb": memory.peak_mb()}


def quality(backbone: Backbone, items: list[Item]) -> dict[str, Any]:
    """One epoch from a head that was fitted first, as rounds train; then held-out accuracy."""
    examples = rankings(backbone, items)
    learned, judged = examples[:-HELD_OUT], examples[-HELD_OUT:]
    rows = [[Encoded(each.prompt_ids, ids) for ids in each.completion_ids] for each in judged]
    with tempfile.TemporaryDirectory() as folder:
        started = time.perf_counter()
        head = fitted_head(backbone, learned)
        done = train_lora(backbone, learned, head, QUALITY, Path(folder) / "run")
        seconds = time.perf_counter() - started
        assert isinstance(done, Trained)
        scores = [score_lora(backbone, done.folder, each, QUALITY).tolist() for each in rows]
    return {"seconds": seconds, "accuracy": accuracy(items[-HELD_OUT:], scores)}


def fitted_head(backbone: Backbone, examples: list[RewardExample]) -> HeadFit:
    rows = [Encoded(each.prompt_ids, ids) for each in examples for ids in each.completion_ids]
    found = features(backbone, rows, QUALITY.layer, QUALITY.pooling)
    counts = [len(each.ranks) for each in examples]
    return fit_head(torch.split(found, counts), [each.ranks for each in examples], QUALITY)


WORKS: dict[str, Work] = {
    "quality": quality,
    "reward": reward,
    "dpo": dpo,
    "sampling": sampling,
    "ppo": ppo,
}


def main() -> None:
    name, model, data = sys.argv[1:4]
    torch.set_num_threads(torch.get_num_threads())
    imported = memory.now_mb()
    backbone = load_backbone(Path(model), "cpu")
    items = load(data)
    for _ in sys.stdin:
        figures = WORKS[name](backbone, items)
        if "peak_mb" in figures:
            figures["peak_mb"] -= imported
        answer(**figures)


if __name__ == "__main__":
    main()

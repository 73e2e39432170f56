"""What each direct method makes of the same rankings: taste, drift and length of fresh samples.

    python -m benchmarks.methods [--quick] [--learning-rate 1e-3]

A tiny model answers; its answers are ranked, without noise, by how positive they are; each method
trains an adapter on these rankings, once through and from nothing, and the adapter answers afresh.
Prints JSON, one object a method, the base model first. One learning rate suits methods differently:
compare taste at like drift, not down the column.
"""

import argparse
import json
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import numpy as np
import torch

from annotation.pairs import competition_ranks
from training.engine.backbone import Backbone, load_backbone
from training.engine.config import DirectLoss, LoraSettings, PreferenceSettings, SamplingSettings
from training.engine.evaluate import mean_length_words, sequence_kl
from training.engine.loop import Trained
from training.engine.preference import PreferenceExample, train_preference
from training.engine.sampling import Sample, sample
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded, encode_prompt
from training.engine.tiny import PROMPTS, make_tiny_model
from training.tastes import positive

SAMPLING = SamplingSettings(max_new_tokens=128)
COMPLETIONS = 4


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="A quarter of the rankings.")
    parser.add_argument("--learning-rate", type=float, default=1e-3)
    options = parser.parse_args()
    count = 32 if options.quick else 128
    torch.set_num_threads(1)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        backbone = load_backbone(make_tiny_model(folder / "tiny"), device="cpu")
        drawn = draw(backbone, count, first_seed=0)
        examples = rankings_of(backbone, drawn)
        print(json.dumps({"method": "base", **judge(backbone, draw(backbone, count, 10**6))}))
        for loss in get_args(DirectLoss):
            settings = PreferenceSettings(
                loss=loss, learning_rate=options.learning_rate, lora=LoraSettings(rank=8)
            )
            print(json.dumps(measure(backbone, examples, settings, folder / loss, count)))


def measure(
    backbone: Backbone,
    examples: Sequence[PreferenceExample],
    settings: PreferenceSettings,
    folder: Path,
    count: int,
) -> dict[str, Any]:
    started = time.perf_counter()
    done = train_preference(backbone, examples, settings, folder)
    took = time.perf_counter() - started
    assert isinstance(done, Trained)
    with backbone.adapter(done.folder):
        drawn = draw(backbone, count, first_seed=10**6)
    last = done.metrics[-len(done.metrics) // 4 :]
    return {
        "method": settings.loss,
        **judge(backbone, drawn),
        "train_accuracy": round(float(np.mean([each["accuracy"] for each in last])), 3),
        "train_margin": round(float(np.mean([each["margin"] for each in last])), 3),
        "seconds": round(took, 1),
    }


def draw(backbone: Backbone, count: int, first_seed: int) -> list[Sample]:
    """`COMPLETIONS` samples of each of `count` prompts, by the model as it stands."""
    seeds = [
        [first_seed + number * COMPLETIONS + each for each in range(COMPLETIONS)]
        for number in range(count)
    ]
    drawn = sample(backbone, prompts_of(backbone, count), seeds, SAMPLING)
    return sorted(drawn, key=lambda each: (each.prompt_index, each.seed))


def prompts_of(backbone: Backbone, count: int) -> list[list[int]]:
    messages = [{"role": "user", "content": PROMPTS[each % len(PROMPTS)]} for each in range(count)]
    return [encode_prompt(backbone.tokenizer, [message]) for message in messages]


def rows_of(backbone: Backbone, drawn: Sequence[Sample]) -> list[Encoded]:
    prompts = prompts_of(backbone, 1 + max(each.prompt_index for each in drawn))
    return [Encoded(prompts[each.prompt_index], each.token_ids) for each in drawn]


def rankings_of(backbone: Backbone, drawn: Sequence[Sample]) -> list[PreferenceExample]:
    """The samples of each prompt, ranked by taste, with what the trunk gives them."""
    rows = rows_of(backbone, drawn)
    sums, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    made = []
    for start in range(0, len(drawn), COMPLETIONS):
        mine = slice(start, start + COMPLETIONS)
        ranks = competition_ranks([-positive(each.text) for each in drawn[mine]])
        ids = [row.completion for row in rows[mine]]
        made.append(
            PreferenceExample(str(start), rows[start].prompt, ids, ranks, sums[mine].tolist())
        )
    return made


def judge(backbone: Backbone, drawn: Sequence[Sample]) -> dict[str, Any]:
    with backbone.adapter(None) as model:
        reference, _ = completion_logprobs(model, rows_of(backbone, drawn), backbone.pad_id)
    groups = [each.prompt_index for each in drawn]
    kl = sequence_kl([each.logprob for each in drawn], reference.tolist(), groups)
    return {
        "positive": round(float(np.mean([positive(each.text) for each in drawn])), 3),
        "kl_nats": round(kl.mean, 2),
        "words": round(mean_length_words([each.text for each in drawn]), 1),
        "ended": round(float(np.mean([each.finish_reason == "stop" for each in drawn])), 3),
    }


if __name__ == "__main__":
    main()

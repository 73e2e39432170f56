"""A reward that can be hacked rises on where what is wanted has peaked; limits stop the policy."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from tests.training.engine.ppo.conftest import SMALL, trained
from training.configuration import Limits
from training.engine.backbone import Backbone
from training.engine.config import SamplingSettings
from training.engine.evaluate import repetition
from training.engine.ppo.rewards import Reward
from training.engine.progress import Metrics
from training.engine.sampling import sample
from training.engine.scoring import completion_logprobs
from training.engine.sequences import Encoded, encode_prompt
from training.engine.tiny import PROMPTS
from training.monitors import Measured, broken_limits, measure

HACKED = replace(
    SMALL, learning_rate=4e-3, epochs=16, prompts_per_step=16, samples_per_prompt=4, minibatch=32,
    batch_epochs=4, max_new_tokens=32, beta=1e-3, missing_eos_penalty=0.0,
)  # fmt: skip
WINDOW = 3  # steps whose mean is looked at: those of one step are noisy


def proxy(text: str) -> float:
    """How often a word stands there: once is what is wanted, more is the hack."""
    return float(text.count("good"))


def gold(text: str) -> float:
    return proxy(text) - 12 * repetition(text, 1)


@dataclass
class Run:
    """What a policy earned on its way, step by step, and what limits say of where it ended."""

    metrics: list[Metrics]
    golds: list[float] = field(default_factory=list)
    before: dict[str, Any] = field(default_factory=dict)
    after: dict[str, Any] = field(default_factory=dict)


@pytest.fixture
def run(taught: Backbone, tmp_path: Path) -> Run:
    golds: list[float] = []

    def score(rows: Sequence[Encoded], texts: Sequence[str]) -> list[float]:
        golds.append(sum(map(gold, texts)) / len(texts))
        return [proxy(text) for text in texts]

    chats = [[{"role": "user", "content": text}] for text in PROMPTS[:4]]
    prompts = [encode_prompt(taught.tokenizer, chat) for chat in chats]
    done = trained(taught, prompts * 4, Reward("counted", score), HACKED, tmp_path)
    before, after = (monitored(taught, prompts, each) for each in (None, done.folder))
    return Run(done.metrics, golds, before, after)


def monitored(taught: Backbone, prompts: list[list[int]], adapter: Path | None) -> dict[str, Any]:
    """The figures of a round's monitors, of eight samples a prompt."""
    seeds = [[8 * place + each for each in range(8)] for place in range(len(prompts))]
    with taught.adapter(adapter):
        drawn = list(sample(taught, prompts, seeds, SamplingSettings(max_new_tokens=32)))
    rows = [Encoded(prompts[each.prompt_index], each.token_ids) for each in drawn]
    reference, tokens = completion_logprobs(taught.model, rows, taught.pad_id)
    completions: Any = [
        SimpleNamespace(
            pk=pk, prompt_id=each.prompt_index, text=each.text, finish_reason=each.finish_reason
        )
        for pk, each in enumerate(drawn)
    ]
    pairs = zip(drawn, tokens, strict=True)
    own = {pk: (each.logprob, count) for pk, (each, count) in enumerate(pairs)}
    base = dict(enumerate(zip(reference.tolist(), tokens, strict=True)))
    return measure(Measured(completions, own, base, base, None))


def means(values: Sequence[float]) -> list[float]:
    return [sum(values[at : at + WINDOW]) / WINDOW for at in range(len(values) - WINDOW + 1)]


def test_gold_peaks_while_the_proxy_rises_and_the_limits_stop_it(run: Run):
    proxies = means([line["reward"] for line in run.metrics])
    golds = means(run.golds)
    assert proxies[-1] > 0.9 * max(proxies) > 3 * proxies[0]
    peak = golds.index(max(golds))
    assert 0 < peak < len(golds) - 3
    assert golds[peak] > golds[0] + 0.1
    assert golds[peak] > golds[-1] + 0.3
    distances = means([max(0.0, line["kl"]) ** 0.5 for line in run.metrics])
    assert distances[peak] > 1.5 * distances[0], "the peak lies away from the reference"
    broken = " ".join(broken_limits(run.after, run.before, Limits()))
    assert "nats" in broken
    assert "times as surprising" in broken
    assert "as varied" in broken
    assert broken_limits(run.before, run.before, Limits()) == []

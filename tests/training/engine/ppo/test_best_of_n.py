"""The best of n is the best, and its KL needs no measuring."""

from __future__ import annotations

import math

import pytest

from training.engine.config import SamplingSettings
from training.engine.ppo.best_of_n import best_of_n, best_of_n_kl
from training.engine.sequences import Encoded

SETTINGS = SamplingSettings(completions_per_prompt=6, max_new_tokens=8)


@pytest.mark.parametrize(("n", "expected"), [(1, 0.0), (2, math.log(2) - 0.5), (16, 1.83509)])
def test_its_kl_is_log_n_minus_n_minus_one_over_n(n, expected):
    assert best_of_n_kl(n) == pytest.approx(expected, abs=1e-5)


def test_each_prompt_gets_its_best_sample(backbone, prompts, reward):
    found = best_of_n(backbone, prompts, reward, SETTINGS)
    assert [each.sample.prompt_index for each in found] == [0, 1, 2, 3]
    for each, prompt in zip(found, prompts, strict=True):
        assert reward.score([Encoded(prompt, each.sample.token_ids)], [""]) == [each.score]
    assert sum(each.score for each in found) > sum(each.mean for each in found)


def test_the_best_of_more_is_no_worse(backbone, prompts, reward):
    def mean(n):
        settings = SamplingSettings(completions_per_prompt=n, max_new_tokens=8)
        return sum(each.score for each in best_of_n(backbone, prompts, reward, settings))

    assert mean(1) < mean(4) < mean(16)

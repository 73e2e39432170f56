"""What is kept of a reference is what it says when it is asked again."""

import pytest

from tests.training.test_rounds import cast, finish, ready, start  # noqa: F401
from training import backbones
from training.backbones import encode
from training.engine.scoring import completion_logprobs
from training.models import LogProb
from training.policies import adapter_folder

pytestmark = pytest.mark.django_db


def asked_again(rows, folder):
    """Log-probabilities of the rows' completions, each alone, by a model loaded afresh."""
    backbones._load.cache_clear()
    loaded = backbones.backbone()
    with loaded.adapter(folder) as model:
        found = [
            completion_logprobs(
                model,
                [encode(loaded, each.completion, each.max_tokens)],
                loaded.pad_id,
                temperature=each.temperature,
            )
            for each in rows
        ]
    return [(values.item(), tokens[0]) for values, tokens in found]


def test_log_probabilities_in_rows_are_those_that_the_models_give(ready):  # noqa: F811
    round = finish(start(ready))
    rows = LogProb.objects.select_related("completion__prompt").order_by("pk")
    trunk = backbones.backbone().trunk_sha256
    by_policy = {trunk: None, round.policy.manifest_sha256: adapter_folder(round.policy)}
    assert set(rows.values_list("reference", flat=True)) == set(by_policy)
    for reference, folder in by_policy.items():
        mine = list(rows.filter(reference=reference))
        for row, (value, tokens) in zip(mine, asked_again(mine, folder), strict=True):
            assert row.value == pytest.approx(value, abs=1e-4)
            assert row.tokens == tokens

"""A policy's KL is that of the distribution that its samples come from."""

import pytest
import torch

from annotation.models import Completion
from annotation.tasking import new_completion
from tests.training.test_rounds import QUICK, cast, finish, ready, start
from training import jobs
from training.backbones import backbone, encode
from training.embedding import read_logprobs, score
from training.engine.scoring import completion_logprobs
from training.engine.sequences import encode_prompt
from training.policies import adapter_folder, ensure_base
from training.steps.context import held_out_prompts, settings_of
from training.steps.evaluate import _samples

__all__ = ["cast", "ready"]  # fixtures

pytestmark = pytest.mark.django_db
TEMPERATURE = 0.6


@pytest.fixture
def round(ready):
    """One that samples coolly, and from the nucleus alone."""
    sampling = {**QUICK["sampling"], "temperature": TEMPERATURE, "top_p": 0.8}
    far = {"learning_rate": 1e-2}
    said = {"queue_prompts": 0, "evaluation_prompts": 2, "preference": far}
    return finish(start(ready, sampling=sampling, **said))


def distribution(policy, prompt):
    """Log-probabilities [V] of the next token at the temperature."""
    ids = torch.tensor([encode_prompt(backbone().tokenizer, prompt.messages)])
    with backbone().adapter(adapter_folder(policy)) as model, torch.no_grad():
        logits = model(ids).logits[0, -1].double()
    return torch.log_softmax(logits / TEMPERATURE, dim=-1)


def test_a_round_measures_it_at_the_temperature_of_its_samples(round):
    settings = settings_of(round)
    prompts = held_out_prompts(round, settings.evaluation_prompts)
    drawn = _samples(round.policy, prompts, settings)
    assert len(drawn) == 4
    assert all((each.settings["top_p"], each.settings["top_k"]) == (1.0, 0) for each in drawn)
    rows = [encode(backbone(), each, settings.reward.max_tokens) for each in drawn]
    sums = []
    for folder in (adapter_folder(round.policy), None):
        with backbone().adapter(folder) as model:
            found = completion_logprobs(model, rows, backbone().pad_id, temperature=TEMPERATURE)
            sums.append(found[0])
    expected = (sums[0] - sums[1]).mean().item()
    assert round.metrics["evaluation"]["kl"] == pytest.approx(expected, abs=1e-3)
    assert round.metrics["base"]["kl"] == 0


def test_over_a_whole_vocabulary_it_is_exact(round):
    prompt, base = held_out_prompts(round, 1)[0], ensure_base(round.project)
    ours, theirs = distribution(round.policy, prompt), distribution(base, prompt)
    Completion.objects.bulk_create(
        new_completion(
            prompt,
            base.source,
            f"Token {token}.",
            token_ids=[token],
            tokenizer_sha256=backbone().tokenizer_sha256,
        )
        for token in range(len(ours))
    )
    tokens = Completion.objects.filter(prompt=prompt, text__startswith="Token ")
    every = list(tokens.select_related("prompt").order_by("pk"))
    jobs.ask("features", "kl", project=round.project)
    lease = jobs.claim("gpu")
    assert lease is not None
    for policy in (round.policy, base):
        assert score(lease, policy, every, 1024, temperature=TEMPERATURE)
    ids = [each.pk for each in every]
    kept = [read_logprobs(ids, policy, 1024, TEMPERATURE) for policy in (round.policy, base)]
    own, reference = (torch.tensor([each[pk][0] for pk in ids]) for each in kept)
    assert own.exp().sum().item() == pytest.approx(1, abs=1e-4)
    found = (own.exp() * (own - reference)).sum().item()
    exact = (ours.exp() * (ours - theirs)).sum().item()
    assert exact > 1e-3
    assert found == pytest.approx(exact, rel=1e-2)

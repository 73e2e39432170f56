"""Samples follow the model, their seed and the settings, and nothing else."""

from __future__ import annotations

from collections.abc import Iterable

import pytest
import torch

from tests.training.engine.conftest import end_at
from training.engine import sampling
from training.engine.config import SamplingSettings
from training.engine.errors import TrainingDiverged
from training.engine.sampling import Sample, draw, sample


def by_seed(drawn: Iterable[Sample]) -> dict[int, Sample]:
    return {each.seed: each for each in drawn}


def seeds_for(prompts: list[list[int]], count: int = 3) -> list[list[int]]:
    return [[100 * index + each for each in range(count)] for index in range(len(prompts))]


def test_every_seed_gets_its_sample(backbone, prompts):
    seeds = [[1, 2], [], [3], [4, 5, 6]]
    drawn = list(sample(backbone, prompts, seeds, SamplingSettings(max_new_tokens=4)))
    assert sorted((each.prompt_index, each.seed) for each in drawn) == [
        (0, 1), (0, 2), (2, 3), (3, 4), (3, 5), (3, 6),
    ]  # fmt: skip


def test_batch_mates_do_not_change_a_sample(backbone, prompts):
    seeds = seeds_for(prompts)
    settings = SamplingSettings(max_new_tokens=24)
    together = by_seed(sample(backbone, prompts, seeds, settings))
    for rows in (1, 2, 5):
        small = SamplingSettings(max_new_tokens=24, batch_rows=rows)
        for seed, each in by_seed(sample(backbone, prompts, seeds, small)).items():
            assert each.token_ids == together[seed].token_ids
            assert each.logprob == pytest.approx(together[seed].logprob, abs=1e-4)


def test_another_seed_gives_another_sample(backbone, prompts):
    settings = SamplingSettings(max_new_tokens=24)
    drawn = list(sample(backbone, prompts[:1], [[1, 2, 3, 4]], settings))
    assert len({tuple(each.token_ids) for each in drawn}) == 4


def test_zero_temperature_takes_the_likeliest_token(backbone, prompts):
    settings = SamplingSettings(max_new_tokens=8, temperature=0.0)
    drawn = by_seed(sample(backbone, prompts, [[each] for each in range(4)], settings))
    for index, prompt in enumerate(prompts):
        ids = list(prompt)
        for token in drawn[index].token_ids:
            with torch.no_grad():
                logits = backbone.model(input_ids=torch.tensor([ids])).logits[0, -1]
            assert token == logits.argmax().item()
            ids.append(token)


def test_a_completion_that_stops_ends_with_the_eos_and_one_that_does_not_is_full(
    backbone, prompts, monkeypatch
):
    # Any frequent byte serves as its end.
    end_at(monkeypatch, backbone, 7)
    bias = torch.zeros(len(backbone.tokenizer))
    bias[7] = 3.0
    head = backbone.model.get_output_embeddings()
    monkeypatch.setattr(head, "forward", lambda hidden: hidden @ head.weight.T + bias)
    settings = SamplingSettings(max_new_tokens=12)
    drawn = list(sample(backbone, prompts, seeds_for(prompts, 16), settings))
    assert {each.finish_reason for each in drawn} == {"stop", "length"}
    for each in drawn:
        assert (each.token_ids[-1] == 7) == (each.finish_reason == "stop")
        assert each.token_ids.count(7) <= 1
        if each.finish_reason == "length":
            assert len(each.token_ids) == 12


def test_rows_that_have_ended_leave_the_others_unchanged(backbone, prompts, monkeypatch):
    seeds = seeds_for(prompts, 8)
    settings = SamplingSettings(max_new_tokens=24)
    plain = by_seed(sample(backbone, prompts, seeds, settings))
    end_at(monkeypatch, backbone, plain[0].token_ids[3])
    for seed, each in by_seed(sample(backbone, prompts, seeds, settings)).items():
        assert each.token_ids == plain[seed].token_ids[: len(each.token_ids)]


def test_special_tokens_never_appear_in_the_text(backbone, prompts):
    drawn = list(
        sample(backbone, prompts, seeds_for(prompts, 8), SamplingSettings(max_new_tokens=64))
    )
    ids = {each for one in drawn for each in one.token_ids}
    assert ids & set(backbone.tokenizer.all_special_ids), "the model never drew one"
    for each in drawn:
        assert not any(token in each.text for token in backbone.tokenizer.all_special_tokens)
        assert each.text == backbone.tokenizer.decode(each.token_ids, skip_special_tokens=True)


def test_sampling_stops_when_told(backbone, prompts):
    settings = SamplingSettings(max_new_tokens=4, batch_rows=3)
    heard: list[int] = []
    drawn = sample(
        backbone, prompts, seeds_for(prompts), settings,
        on_progress=lambda done, total: heard.append(done), should_stop=lambda: len(heard) == 2,
    )  # fmt: skip
    assert len(list(drawn)) == 6


def test_tokens_are_drawn_as_often_as_they_are_likely():
    probabilities = torch.tensor([0.5, 0.2, 0.0, 0.3])
    chance = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    logits = probabilities.log().expand(len(chance), -1)
    tokens, logprobs = draw(logits, chance, SamplingSettings())
    shares = torch.bincount(tokens, minlength=4) / len(chance)
    assert torch.allclose(shares, probabilities, atol=1e-4)
    assert torch.allclose(logprobs, probabilities[tokens].log())


def test_a_token_of_no_probability_is_never_drawn_at_the_edges():
    logits = torch.tensor([[0.0, float("-inf"), 0.0, float("-inf")]]).repeat(2, 1)
    chance = torch.tensor([0.0, 1 - 2**-53], dtype=torch.float64)
    assert draw(logits, chance, SamplingSettings())[0].tolist() == [0, 2]


def test_temperature_comes_before_the_draw():
    logits = torch.tensor([[1.0, 0.0]]).repeat(100_000, 1)
    chance = (torch.arange(100_000, dtype=torch.float64) + 0.5) / 100_000
    tokens, logprobs = draw(logits, chance, SamplingSettings(temperature=0.5))
    expected = torch.tensor([2.0, 0.0]).softmax(dim=0)
    assert (tokens == 0).float().mean().item() == pytest.approx(expected[0].item(), abs=1e-4)
    assert logprobs[0].item() == pytest.approx(expected[0].log().item(), abs=1e-5)


def test_top_k_comes_before_top_p():
    # 0.4 0.3 0.2 0.1: of the two likeliest, 0.4 / 0.7 passes 0.55 alone; of all four it does not.
    logits = torch.tensor([[0.4, 0.3, 0.2, 0.1]]).log().repeat(1000, 1)
    chance = (torch.arange(1000, dtype=torch.float64) + 0.5) / 1000
    assert set(draw(logits, chance, SamplingSettings(top_p=0.55))[0].tolist()) == {0, 1}
    assert set(draw(logits, chance, SamplingSettings(top_p=0.55, top_k=2))[0].tolist()) == {0}
    assert set(draw(logits, chance, SamplingSettings(top_k=3))[0].tolist()) == {0, 1, 2}


def test_samples_can_be_watched_while_they_grow(backbone, prompts):
    seen: list[dict[int, list[int]]] = []

    def watch(growth: dict[int, list[int]]) -> None:
        seen.append({seed: list(ids) for seed, ids in growth.items()})

    settings = SamplingSettings(max_new_tokens=5)
    drawn = by_seed(sample(backbone, prompts[:1], [[1, 2]], settings, on_growth=watch))
    longest = max(len(each.token_ids) for each in drawn.values())
    assert [len(each[1]) for each in seen] == list(range(longest))
    for growth in seen:
        for seed, ids in growth.items():
            whole = drawn[seed].token_ids
            assert ids[: len(whole)] == whole[: len(ids)]


def test_a_full_gpu_halves_the_rows_and_every_sample_stays(backbone, prompts, monkeypatch):
    seeds = [[10 * place + each for each in range(3)] for place in range(len(prompts))]
    settings = SamplingSettings(max_new_tokens=6)
    expected = sorted(sample(backbone, prompts, seeds, settings), key=lambda each: each.seed)
    whole, seen = sampling._sample_batch, []

    def greedy(backbone, prompts, rows, *rest):
        if len(rows) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory")
        seen.append(len(rows))
        return whole(backbone, prompts, rows, *rest)

    monkeypatch.setattr(sampling, "_sample_batch", greedy)
    found = sorted(sample(backbone, prompts, seeds, settings), key=lambda each: each.seed)
    assert [each.token_ids for each in found] == [each.token_ids for each in expected]
    assert sum(seen) == 12


def test_no_token_is_drawn_that_the_tokenizer_has_no_text_for():
    logits = torch.zeros(1, 10)
    logits[0, 7:] = 5.0
    chance = torch.tensor([0.999], dtype=torch.float64)
    for settings in (
        SamplingSettings(), SamplingSettings(temperature=0), SamplingSettings(top_k=2),
        SamplingSettings(top_p=0.9),
    ):  # fmt: skip
        tokens, logprobs = draw(logits, chance, settings, known=7)
        assert tokens.item() < 7
        assert logprobs.item() == pytest.approx(logits.log_softmax(dim=1)[0, 0].item())


def test_a_model_that_gives_what_is_not_a_number_is_told_of(backbone, prompts):
    with torch.no_grad():
        backbone.model.get_input_embeddings().weight[prompts[0][0]] = float("nan")
    with pytest.raises(TrainingDiverged, match="log-probability nan"):
        list(sample(backbone, prompts, [[1]] * len(prompts), SamplingSettings(max_new_tokens=4)))

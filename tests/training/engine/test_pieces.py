"""What does not fit into the memory of a GPU goes through in pieces, and comes to the same."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from dataclasses import replace
from types import ModuleType
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.training.engine.test_preference import SETTINGS, examples, trained
from training.engine import pieces, preference, reward_lora, scoring, ways
from training.engine.backbone import Backbone
from training.engine.budget import Budget
from training.engine.config import LoraSettings, PreferenceSettings, RewardSettings
from training.engine.errors import EngineError
from training.engine.learner import learning
from training.engine.preference import PreferenceExample, PreferenceObjective
from training.engine.reward import fit_head
from training.engine.reward_lora import RewardExample, RewardObjective
from training.engine.scoring import completion_logprobs, features
from training.engine.sequences import Encoded

__all__ = ["examples"]  # a fixture

LOSSES = ("dpo", "ipo", "kto", "orpo", "simpo", "hinge")
PLAIN = LoraSettings(rank=4)
Gradients = dict[str, Tensor]


@pytest.mark.parametrize(
    ("lengths", "room", "expected"),
    [
        ([2, 2, 2], 9, [3]),
        ([2, 2, 2], 8, [2, 1]),
        ([2, 2, 2], 1, [1, 1, 1]),
        ([2, 5, 1], 13, [2, 1]),  # the second widens the first
        ([2, 5, 1], 12, [1, 1, 1]),
    ],
)
def test_pieces_hold_as_many_completions_as_there_is_room_for(lengths, room, expected):
    completions = [[7] * length for length in lengths]
    found = pieces.pieces_of([1, 2, 3], completions, room)
    assert [len(piece) for piece in found] == expected
    assert [each for piece in found for each in piece] == completions


def gradients(
    objective: PreferenceObjective | RewardObjective, parameters: dict[str, torch.nn.Parameter]
) -> tuple[dict[str, float], Gradients]:
    for each in parameters.values():
        each.grad = None
    metrics = objective.accumulate(range(len(objective)))
    found = {name: each.grad.clone() for name, each in parameters.items() if each.grad is not None}
    assert found
    return dict(metrics), found


def assert_alike(one: Any, two: Any) -> None:
    (metrics, whole), (parts, split) = one, two
    assert metrics == pytest.approx(parts, rel=1e-10, abs=1e-10)
    assert whole.keys() == split.keys()
    for name, value in whole.items():
        assert torch.allclose(value, split[name], rtol=1e-10, atol=1e-10)
        assert value.abs().max() > 0


@pytest.mark.parametrize("way", ["branched", "handed", "apart"])
@pytest.mark.parametrize("loss", LOSSES)
def test_a_direct_loss_in_pieces_is_the_whole(exact, examples, monkeypatch, way, loss):
    monkeypatch.setattr(ways, "way_of", lambda model: way)
    settings = PreferenceSettings(loss=loss, nll_weight=0.1, lora=PLAIN)
    with learning(exact, None, settings) as learner:
        warmed(learner.parameters)
        whole, parts = (
            PreferenceObjective(exact, examples[:3], settings, budget=budget)
            for budget in (Budget(512), Budget(20, splits=True))
        )
        assert_alike(*(gradients(each, learner.parameters) for each in (whole, parts)))


def warmed(parameters: dict[str, torch.nn.Parameter]) -> None:
    """An adapter that has learned: in float64, and away from the zero it begins at."""
    chance = torch.Generator().manual_seed(0)
    for each in parameters.values():
        noise = torch.randn(each.shape, generator=chance, dtype=torch.float64)
        each.data = each.data.double() + 0.1 * noise


@pytest.fixture
def rankings(examples: list[PreferenceExample]) -> list[RewardExample]:
    return [
        RewardExample(each.key, each.prompt_ids, each.completion_ids, each.ranks)
        for each in examples
    ]


@pytest.mark.parametrize(
    "options", [{}, {"likelihood": "plackett_luce"}, {"centring": 0.1}, {"ties": False}], ids=str
)
def test_a_reward_loss_in_pieces_is_the_whole(exact, rankings, options):
    settings = RewardSettings(depth="lora", lora=PLAIN, l2=10.0, **options)
    vectors = [features(exact, rows_of(each)) for each in rankings]
    head = fit_head(vectors, [each.ranks for each in rankings], settings)
    tap = exact.layer_index(settings.layer)
    with learning(exact, None, settings, unsharded=[tap]) as learner:
        warmed(learner.parameters)
        found = []
        for budget in (Budget(512), Budget(20, splits=True)):
            objective = RewardObjective(exact, rankings, head, settings, budget)
            for each in objective.head.values():
                each.data = each.data.double()
            found.append(gradients(objective, {**learner.parameters, **objective.head}))
        assert_alike(*found)


def rows_of(example: RewardExample) -> list[Encoded]:
    return [Encoded(example.prompt_ids, ids) for ids in example.completion_ids]


def test_both_runs_of_a_piece_drop_the_same():
    """Scores are weights that dropout passes or not; the loss couples all of them."""
    weights = torch.nn.Parameter(torch.arange(1.0, 7.0, dtype=torch.float64))
    drawn: list[Tensor] = []

    def scores_of(prompts: Any, completions: Sequence[Sequence[Sequence[int]]]) -> Tensor:
        mine = torch.tensor([each[0] for each in completions[0]])
        drawn.append(torch.rand(len(mine)).double())
        return weights[mine] * drawn[-1]

    completions = [[[each] for each in range(6)]]
    pieces.backward([[9]], completions, scores_of, lambda s: s.sum() ** 2, Budget(4, splits=True))
    half = len(drawn) // 2
    assert all(map(torch.equal, drawn[:half], drawn[half:]))
    mask = torch.cat(drawn[:half])
    expected = 2 * (weights.detach() * mask).sum() * mask
    assert weights.grad is not None
    assert torch.allclose(weights.grad, expected)


def test_an_adapters_dropout_is_that_of_one_draw(backbone, examples, monkeypatch):
    """At a learning rate of 0 the loss is that of the same draw as its gradient."""
    seen: list[Tensor] = []
    plain = scoring.trace_logprobs

    def noted(*args: Any) -> Tensor:
        seen.append(plain(*args))
        return seen[-1]

    monkeypatch.setattr(preference, "trace_logprobs", noted)
    settings = replace(SETTINGS, lora=LoraSettings(rank=4, dropout=0.5))
    with learning(backbone, None, settings) as learner:
        warm_floats(learner.parameters)
        PreferenceObjective(
            backbone, examples[:1], settings, budget=Budget(20, splits=True)
        ).accumulate([0])
    half = len(seen) // 2
    assert half > 1
    assert all(map(torch.equal, seen[:half], seen[half:]))
    assert [each.requires_grad for each in seen] == [False] * half + [True] * half


def warm_floats(parameters: dict[str, torch.nn.Parameter]) -> None:
    warmed(parameters)
    for each in parameters.values():
        each.data = each.data.float()


def with_room_for(monkeypatch: pytest.MonkeyPatch, module: ModuleType, tokens: int) -> None:
    """A pass of more tokens than this fills the memory."""
    plain = scoring.group_trace

    def greedy(model: Any, prompts: Any, completions: Any, *args: Any, **rest: Any) -> Any:
        if sum(map(pieces.tokens_of, prompts, completions)) > tokens:
            raise torch.OutOfMemoryError("CUDA out of memory")
        return plain(model, prompts, completions, *args, **rest)

    monkeypatch.setattr(module, "group_trace", greedy)


def test_a_prompt_whose_completions_do_not_fit_together_is_trained_on(
    backbone, examples, tmp_path, monkeypatch, caplog
):
    settings = replace(SETTINGS, lora=PLAIN, prompts_per_step=1)
    plain = trained(backbone, examples, settings, tmp_path / "plain")
    room = max(len(each.prompt_ids) + max(map(len, each.completion_ids)) for each in examples)
    with_room_for(monkeypatch, preference, room)
    with caplog.at_level(logging.WARNING):
        spared = trained(backbone, examples, settings, tmp_path / "spared")
    assert caplog.messages
    assert all(line.startswith("The GPU's memory is full: going on") for line in caplog.messages)
    for one, two in zip(plain.metrics, spared.metrics, strict=True):
        assert one["loss"] == pytest.approx(two["loss"], rel=1e-4)
        assert one["grad_norm"] == pytest.approx(two["grad_norm"], rel=1e-3)


def test_a_reward_model_of_such_a_prompt_is_trained_too(backbone, rankings, tmp_path, monkeypatch):
    settings = RewardSettings(depth="lora", l2=10.0, epochs=2, prompts_per_step=1, lora=PLAIN)
    vectors = [features(backbone, rows_of(each)) for each in rankings]
    head = fit_head(vectors, [each.ranks for each in rankings], settings)
    given = backbone, rankings, head, settings
    plain = reward_lora.train_lora(*given, tmp_path / "plain")
    room = max(len(each.prompt_ids) + max(map(len, each.completion_ids)) for each in rankings)
    with_room_for(monkeypatch, reward_lora, room)
    spared = reward_lora.train_lora(*given, tmp_path / "spared")
    losses = [[line["loss"] for line in each.metrics] for each in (plain, spared)]
    assert losses[0] == pytest.approx(losses[1], rel=1e-4)


def test_one_completion_that_does_not_fit_is_one_line(backbone, examples, tmp_path, monkeypatch):
    widest = max(max(map(len, each.completion_ids)) for each in examples)
    with_room_for(monkeypatch, preference, widest)
    with pytest.raises(EngineError, match="does not hold one completion with its prompt") as said:
        trained(backbone, examples, SETTINGS, tmp_path)
    assert "\n" not in str(said.value)


def test_what_is_only_read_is_split_as_well(backbone: Backbone, examples, monkeypatch):
    each = examples[0]
    rows = [Encoded(each.prompt_ids, ids) for ids in each.completion_ids]
    plain, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    monkeypatch.setattr(scoring, "READING", Budget(1024))
    with_room_for(monkeypatch, scoring, max(map(len, rows)))
    spared, _ = completion_logprobs(backbone.model, rows, backbone.pad_id)
    assert torch.allclose(plain, spared, atol=1e-4)

"""What TRL says of a few rankings: its own loss code, called on given log-probabilities.

    python -m tests.training.engine.trl_figures [FILE]

writes trl_figures.jsonl beside this file, or FILE, one ranking a line, in an environment that has
trl 1.16. TRL knows pairs alone, so a ranking is given to it as all of its strict pairs; the whole
loss of ORPO only where it is one pair, since TRL weighs likelihoods by pairs and tokens.
"""

from __future__ import annotations

import json
import random
import sys
from collections import defaultdict
from collections.abc import Callable
from functools import partial
from itertools import permutations
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor

FILE = Path(__file__).with_suffix(".jsonl")
RANKS = ([1, 2], [2, 1], [1, 2, 2, 4], [5, 1, 3, 2, 3], [4, 9, 1, 2, 8, 3, 7, 5, 5])
DPO_CASES: dict[str, dict[str, Any]] = {
    "dpo": {"loss_types": ["sigmoid"], "beta": 0.1},
    "dpo, beta 0.5": {"loss_types": ["sigmoid"], "beta": 0.5},
    "dpo, robust": {"loss_types": ["robust"], "beta": 0.1, "label_smoothing": 0.1},
    "ipo": {"loss_types": ["ipo"], "beta": 0.1},
    "hinge": {"loss_types": ["hinge"], "beta": 0.1},
}
KTO_CASES: dict[str, dict[str, Any]] = {
    "kto": {"desirable_weight": 1.0, "undesirable_weight": 1.0, "kl": "kl"},
    "kto, weights": {"desirable_weight": 1.2, "undesirable_weight": 0.8, "kl": "kl"},
    "kto, negative kl": {"desirable_weight": 1.0, "undesirable_weight": 1.0, "kl": "negative_kl"},
}
CPO_CASES: dict[str, dict[str, Any]] = {
    "simpo": {"loss_type": "simpo", "beta": 2.0, "simpo_gamma": 1.0, "label_smoothing": 0.0},
    "simpo, smoothed": {
        "loss_type": "simpo", "beta": 2.5, "simpo_gamma": 0.5, "label_smoothing": 0.1
    },
    # The conservative loss of DPO is spelled out here alone; log-ratios stand for the policy.
    "dpo, smoothed": {"loss_type": "sigmoid", "beta": 0.1, "label_smoothing": 0.1},
}  # fmt: skip
REWARD_CASES = ("reward", "reward, margin", "reward, centred")


def main() -> None:
    import trl

    rankings = [_ranking(random.Random(number), ranks) for number, ranks in enumerate(RANKS)]
    found = [{**each, "figures": figures(each)} for each in rankings]
    lines = [json.dumps({"trl": trl.__version__, **each}) for each in found]
    target = Path(sys.argv[1]) if len(sys.argv) > 1 else FILE
    target.write_text("".join(f"{line}\n" for line in lines))


def figures(ranking: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """Return TRL's loss and its gradient with respect to K scores, by the name of the case."""
    made: dict[str, Callable[[Tensor], Tensor]] = {}
    for name, settings in DPO_CASES.items():
        made[name] = partial(_dpo, ranking, settings)
    for name, settings in KTO_CASES.items():
        made[name] = partial(_kto, ranking, settings)
    for name, settings in CPO_CASES.items():
        made[name] = partial(_cpo, ranking, settings)
    for name in REWARD_CASES:
        made[name] = partial(_reward, ranking, name)
    made["orpo, odds ratio"] = partial(_orpo, ranking)
    if len(ranking["ranks"]) == 2:
        made["orpo"] = partial(_whole_orpo, ranking)
    return {name: _measured(ranking, loss) for name, loss in made.items()}


def _ranking(chance: random.Random, ranks: list[int]) -> dict[str, Any]:
    tokens = [chance.randint(1, 40) for _ in ranks]
    policy = [round(-count * chance.uniform(0.2, 2.5), 4) for count in tokens]
    kl = [round(chance.uniform(-1, 2), 4) for _ in ranks]
    return {
        "ranks": ranks,
        "tokens": tokens,
        "policy": policy,
        "reference": [round(each + chance.gauss(0, 4), 4) for each in policy],
        "levels": [round(1.5 * (len(ranks) - each), 4) for each in ranks],
        "kl": kl,  # log-ratios from which the anchor is estimated
        "negative_kl": [-2 - each for each in kl],
    }


def _measured(ranking: dict[str, Any], loss: Callable[[Tensor], Tensor]) -> dict[str, Any]:
    point = torch.tensor(ranking["policy"], dtype=torch.float64, requires_grad=True)
    value = loss(point)
    (gradient,) = torch.autograd.grad(value, point)
    return {"loss": value.item(), "gradient": gradient.tolist()}


def _dpo(ranking: dict[str, Any], settings: dict[str, Any], policy: Tensor) -> Any:
    from trl import DPOTrainer

    better, worse = _pairs(ranking["ranks"])
    rows = better + worse
    batch, outputs = _batch(ranking, policy, rows)
    reference = _double(ranking["reference"])
    batch |= {"ref_chosen_logps": reference[better], "ref_rejected_logps": reference[worse]}
    trainer = _trainer(
        DPOTrainer, ld_alpha=None, f_divergence_type="reverse_kl", loss_weights=[1.0],
        use_weighting=False, **{"label_smoothing": 0.0, **settings},
    )  # fmt: skip
    return trainer._compute_loss(_Model(lambda **_: outputs), batch, False)


def _kto(ranking: dict[str, Any], settings: dict[str, Any], policy: Tensor) -> Any:
    from trl import KTOTrainer

    better, worse = _pairs(ranking["ranks"])
    rows = better + worse
    batch, outputs = _batch(ranking, policy, rows)
    kl = _double(ranking[settings["kl"]])
    batch |= {
        "label": torch.tensor([True] * len(better) + [False] * len(worse)),
        "ref_logps": _double(ranking["reference"])[rows],
        "KL_input_ids": torch.ones(len(kl), 2, dtype=torch.long),
        "KL_attention_mask": torch.ones(len(kl), 2, dtype=torch.long),
        "KL_completion_mask": torch.tensor([[0, 1]] * len(kl)),
        "ref_KL_logps": torch.zeros_like(kl),
    }
    kl_outputs = SimpleNamespace(log_probs=kl[:, None])
    model = _Model(lambda **given: kl_outputs if given["input_ids"].shape[1] == 2 else outputs)
    trainer = _trainer(
        KTOTrainer, loss_type="kto", calculate_KL=True, beta=0.1,
        desirable_weight=settings["desirable_weight"],
        undesirable_weight=settings["undesirable_weight"],
    )  # fmt: skip
    return trainer._compute_loss(model, batch, False)


def _cpo(ranking: dict[str, Any], settings: dict[str, Any], policy: Tensor) -> Any:
    from trl.experimental.cpo import CPOTrainer

    better, worse = _pairs(ranking["ranks"])
    if settings["loss_type"] == "simpo":
        scores = policy / _double(ranking["tokens"])
    else:
        scores = policy - _double(ranking["reference"])
    trainer = _trainer(CPOTrainer, alpha=0.0, **settings)
    return trainer.cpo_loss(scores[better], scores[worse])[0].mean()


def _orpo(ranking: dict[str, Any], policy: Tensor) -> Any:
    from trl.experimental.orpo import ORPOTrainer

    better, worse = _pairs(ranking["ranks"])
    means = policy / _double(ranking["tokens"])
    trainer = _trainer(ORPOTrainer, beta=0.1)
    return -trainer.odds_ratio_loss(means[better], means[worse])[0].mean()


def _whole_orpo(ranking: dict[str, Any], policy: Tensor) -> Any:
    """The loss that is trained: of a model that gives each completion token a like probability.

    The prompt is one token, which TRL's likelihood, that of prompt and completion, never asks for.
    """
    from trl.experimental.orpo import ORPOTrainer

    means = policy / _double(ranking["tokens"])
    (better,), (worse,) = _pairs(ranking["ranks"])
    batch: dict[str, Tensor] = {}
    for name, place in (("chosen", better), ("rejected", worse)):
        ids = torch.zeros(1, 1 + ranking["tokens"][place], dtype=torch.long)
        labels = ids.clone()
        labels[:, 0] = -100
        batch |= {
            f"{name}_input_ids": ids, f"{name}_labels": labels,
            f"{name}_attention_mask": torch.ones_like(ids),
        }  # fmt: skip

    def answer(input_ids: Tensor, **_: Any) -> SimpleNamespace:
        chance = means[[better, worse]].exp()
        logits = torch.stack([chance, 1 - chance], dim=1).log()  # token 0, and all others
        return SimpleNamespace(logits=logits[:, None].expand(-1, input_ids.shape[1], -1))

    model = _Model(lambda *given, **named: answer(*given, **named))
    trainer = _trainer(ORPOTrainer, beta=0.1, is_encoder_decoder=False, padding_value=0)
    return trainer.get_batch_loss_metrics(model, batch)[0]


def _reward(ranking: dict[str, Any], name: str, scores: Tensor) -> Any:
    from trl import RewardTrainer

    better, worse = _pairs(ranking["ranks"])
    levels = _double(ranking["levels"])
    batch: dict[str, Any] = {"attention_mask": torch.ones(2 * len(better), 1)}
    if name == "reward, margin":
        batch["margin"] = levels[better] - levels[worse]
    coefficient = 0.01 if name == "reward, centred" else None
    args = SimpleNamespace(center_rewards_coefficient=coefficient)
    outputs = SimpleNamespace(logits=scores[better + worse][:, None])
    return _trainer(RewardTrainer, args=args).compute_loss(_Model(lambda **_: outputs), batch)


def _pairs(ranks: list[int]) -> tuple[list[int], list[int]]:
    """Positions of the better and of the worse of each strict pair."""
    found = [(i, j) for i, j in permutations(range(len(ranks)), 2) if ranks[i] < ranks[j]]
    return [i for i, _ in found], [j for _, j in found]


def _batch(
    ranking: dict[str, Any], policy: Tensor, rows: list[int]
) -> tuple[dict[str, Any], SimpleNamespace]:
    """A batch of completions after one prompt token, and what a model would answer to it."""
    counts = torch.tensor(ranking["tokens"])
    width = max(3, int(counts.max()))
    mask = (torch.arange(width) < counts[:, None])[rows]
    log_probs = ((policy / counts)[:, None] * (torch.arange(width) < counts[:, None]))[rows]
    nothing = torch.zeros(mask.shape)
    ones = torch.ones(len(rows), width + 1, dtype=torch.long)
    completion = torch.cat([torch.zeros(len(rows), 1), mask], dim=1).long()
    batch = {"input_ids": ones, "attention_mask": ones, "completion_mask": completion}
    return batch, SimpleNamespace(
        log_probs=log_probs, entropy=nothing, mean_logits=nothing, is_top1=nothing.bool()
    )


class _Model:
    training = True

    def __init__(self, answer: Callable[..., SimpleNamespace]) -> None:
        self.answer = answer

    def __call__(self, *given: Any, **named: Any) -> SimpleNamespace:
        return self.answer(*given, **named)


def _trainer(kind: Any, **settings: Any) -> Any:
    """A trainer with what its loss reads and nothing else: no model, no data."""
    trainer = kind.__new__(kind)
    same = lambda value: value  # noqa: E731
    accelerator = SimpleNamespace(
        device=torch.device("cpu"), gather=same, gather_for_metrics=same
    )  # fmt: skip
    vars(trainer).update(
        {
            "accelerator": accelerator,
            "model": _Model(lambda **_: SimpleNamespace()),
            "aux_loss_enabled": False,
            "precompute_ref_logps": True,
            "_metrics": {"train": defaultdict(list)},
            "_total_train_tokens": 0,
            "_tp_size": 1,
            **settings,
        }
    )
    return trainer


def _double(values: list[float]) -> Tensor:
    return torch.tensor(values, dtype=torch.float64)


if __name__ == "__main__":
    main()

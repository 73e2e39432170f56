"""Train the candidate policy by PPO against the round's reward model, a slice at a time."""

from typing import TYPE_CHECKING

from annotation.models import Prompt
from training.backbones import backbone
from training.configuration import RoundSettings
from training.jobs import Lease
from training.models import RewardModel, Round
from training.policies import artefact_folder, reference_of
from training.steps.candidates import train_candidate
from training.steps.context import rankings_of, round_of, settings_of

if TYPE_CHECKING:
    from training.engine.ppo.rewards import Reward

REPORTED = (
    "reward", "kl", "entropy", "length", "ended", "clip_fraction", "explained_variance", "loss",
)  # fmt: skip


def run(lease: Lease) -> None:
    from training.engine.ppo.trainer import train_ppo
    from training.engine.sequences import encode_prompt

    round = round_of(lease)
    settings = settings_of(round)
    loaded = backbone()
    prompts = [encode_prompt(loaded.tokenizer, each.messages) for each in prompts_of(round)]
    given = loaded, prompts, _reward(round, settings), settings.ppo
    reference = reference_of(round.project, settings.reference)
    train_candidate(lease, round, train_ppo, *given, reported=REPORTED, reference=reference)


def prompts_of(round: Round) -> list[Prompt]:
    """The training prompts of the round's snapshot, each once: what every slice answers alike."""
    return list({each.prompt.pk: each.prompt for each in rankings_of(round)}.values())


def _reward(round: Round, settings: RoundSettings) -> "Reward":
    from training.engine.ppo.rewards import head_reward, lora_reward
    from training.engine.reward import load_head

    model = round.reward_model
    assert model is not None, "an earlier step fitted it"
    folder = artefact_folder(model.artefact)
    if model.depth == RewardModel.Depth.LORA:
        return lora_reward(backbone(), folder, settings.reward)
    layer, pooling = settings.reward.layer, settings.reward.pooling
    return head_reward(backbone(), load_head(folder), layer, pooling)

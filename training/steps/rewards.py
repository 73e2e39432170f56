"""Scores by a stored reward model, of either depth."""

from collections.abc import Sequence

from annotation.models import Completion
from training.backbones import backbone, encode
from training.embedding import read_features
from training.engine.config import RewardSettings
from training.models import RewardModel
from training.policies import artefact_folder


def rewards(
    completions: Sequence[Completion], model: RewardModel, settings: RewardSettings
) -> dict[int, float]:
    """By completion id, in logits from no fixed nought. A head needs stored features of them all.
    Raises CheckpointDamaged."""
    folder = artefact_folder(model.artefact)
    if model.depth == RewardModel.Depth.LORA:
        from training.engine.reward_lora import score_lora

        rows = [encode(backbone(), each, settings.max_tokens) for each in completions]
        scores = score_lora(backbone(), folder, rows, settings)
    else:
        from training.engine.reward import load_head

        features = read_features([each.pk for each in completions], model.encoder)
        scores = load_head(folder).score([features[each.pk] for each in completions])
    return {each.pk: float(score) for each, score in zip(completions, scores, strict=True)}

"""The base model of this process, loaded once. Only jobs call this: it imports torch."""

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

from django.conf import settings

from annotation.models import Completion
from training.engine.config import RewardSettings
from training.models import Policy

if TYPE_CHECKING:
    from training.engine.backbone import Backbone
    from training.engine.sequences import Encoded


def backbone() -> "Backbone":
    """The model of the BASE_MODEL setting. Raises BackboneError when its folder is not whole."""
    return _load(str(settings.BASE_MODEL))


@lru_cache(maxsize=1)
def _load(folder: str) -> "Backbone":
    from training.engine.backbone import load_backbone

    return load_backbone(Path(folder))


def encoder_of(settings: RewardSettings) -> str:
    """The key of stored features: of longer rows another cut is another vector."""
    return f"{backbone().encoder_name(settings.layer, settings.pooling)}:{settings.max_tokens}"


def note_trunk(policy: Policy, loaded: "Backbone") -> None:
    """Remember which weights a project's base policy turned out to be."""
    if policy.trunk_sha256 != loaded.trunk_sha256:
        Policy.objects.filter(pk=policy.pk).update(trunk_sha256=loaded.trunk_sha256)


def encode(loaded: "Backbone", completion: Completion, max_tokens: int) -> "Encoded":
    """Prompt and completion as token ids: the ids that were sampled where they are known."""
    from training.engine.sequences import Encoded, encode_completion, encode_prompt, truncate

    sampled_here = completion.tokenizer_sha256 == loaded.tokenizer_sha256
    if completion.token_ids and sampled_here:
        ids = list(completion.token_ids)
    else:
        ended = completion.finish_reason != Completion.Finish.LENGTH
        ids = encode_completion(loaded.tokenizer, completion.text, ended)
    prompt = encode_prompt(loaded.tokenizer, completion.prompt.messages)
    return truncate(Encoded(prompt, ids), max_tokens)

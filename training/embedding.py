"""Features and reference log-probabilities of completions: computed once, kept in rows."""

import time
from collections.abc import Iterable, Sequence
from typing import Any

import numpy as np
from django.db.models import Exists, OuterRef, QuerySet

from annotation.models import Completion, Project, TaskCompletion
from training.backbones import backbone, encode, encoder_of
from training.engine.config import RewardSettings
from training.jobs import Lease
from training.models import Feature, LogProb, Policy
from training.policies import adapter_folder

CHUNK = 32  # completions between two writes
PROJECT_ORDER = ("prompt_id", "id")


def without_features(completions: QuerySet[Completion], encoder: str) -> QuerySet[Completion]:
    known = Feature.objects.filter(completion=OuterRef("pk"), encoder=encoder)
    return completions.filter(~Exists(known)).select_related("prompt")


def waiting(project: Project, encoder: str, floor: int = 0) -> QuerySet[Completion]:
    """Completions that people can see or have judged, and that have no features yet.

    All up to ``floor`` are known to have theirs.
    """
    shown = Completion.objects.visible().filter(
        Exists(TaskCompletion.objects.filter(completion=OuterRef("pk"))),
        prompt__project=project,
        pk__gt=floor,
    )
    return without_features(shown, encoder).order_by(*PROJECT_ORDER)


def embed(
    lease: Lease,
    completions: Sequence[Completion],
    settings: RewardSettings,
    deadline: float = float("inf"),
) -> bool:
    """Store features and the trunk's log-probabilities of those that lack them.

    Returns whether all is done; False when the deadline (``time.monotonic``) came first. Each
    chunk is written under the lease, so that a killed worker loses at most one.
    """
    encoder = encoder_of(settings)
    todo = _missing(completions, encoder)
    todo.sort(key=lambda each: (each.prompt_id, each.pk))
    for start in range(0, len(todo), CHUNK):
        if time.monotonic() > deadline:
            return False
        lease.beat(start, len(todo), "reading completions")
        _embed_chunk(lease, todo[start : start + CHUNK], settings, encoder)
    lease.beat(len(todo), len(todo))
    return True


def _missing(completions: Iterable[Completion], encoder: str) -> list[Completion]:
    by_id = {completion.pk: completion for completion in completions}
    known = set(
        Feature.objects.filter(encoder=encoder, completion_id__in=list(by_id)).values_list(
            "completion_id", flat=True
        )
    )
    return [completion for pk, completion in by_id.items() if pk not in known]


def _embed_chunk(
    lease: Lease, chunk: Sequence[Completion], settings: RewardSettings, encoder: str
) -> None:
    from training.engine.scoring import embed as run_trunk

    loaded = backbone()
    encoded = [encode(loaded, completion, settings.max_tokens) for completion in chunk]
    made = run_trunk(loaded, encoded, settings.layer, settings.pooling)
    with lease.guarded():
        Feature.objects.bulk_create(
            (
                Feature(
                    completion=completion,
                    encoder=encoder,
                    vector=vector.numpy().astype("<f4").tobytes(),
                )
                for completion, vector in zip(chunk, made.features, strict=True)
            ),
            ignore_conflicts=True,
        )
        way = _way(loaded.trunk_sha256, settings.max_tokens)
        _store_logprobs(way, chunk, made.logprobs, made.tokens)


def score(
    lease: Lease,
    policy: Policy,
    completions: Sequence[Completion],
    max_tokens: int,
    deadline: float = float("inf"),
    temperature: float = 1.0,
) -> bool:
    """Store the policy's log-probabilities of completions that lack them, cut to ``max_tokens``.

    Those at one temperature compare with another policy's at the same. Returns whether all is
    done, as ``embed``.
    """
    known = read_logprobs([each.pk for each in completions], policy, max_tokens, temperature)
    todo = [each for each in completions if each.pk not in known]
    for start in range(0, len(todo), CHUNK):
        if time.monotonic() > deadline:
            return False
        lease.beat(start, len(todo), f"scoring with {policy}")
        _score_chunk(lease, policy, todo[start : start + CHUNK], max_tokens, temperature)
    return True


def _score_chunk(
    lease: Lease,
    policy: Policy,
    chunk: Sequence[Completion],
    max_tokens: int,
    temperature: float,
) -> None:
    from training.engine.scoring import completion_logprobs

    loaded = backbone()
    encoded = [encode(loaded, completion, max_tokens) for completion in chunk]
    with loaded.adapter(adapter_folder(policy)) as model:
        values, tokens = completion_logprobs(model, encoded, loaded.pad_id, temperature=temperature)
    with lease.guarded():
        _store_logprobs(_way(_weights(policy), max_tokens, temperature), chunk, values, tokens)


def _weights(policy: Policy) -> str:
    """The hash of what speaks as the policy; the base is the trunk alone."""
    return policy.manifest_sha256 or backbone().trunk_sha256


def _way(reference: str, max_tokens: int, temperature: float = 1.0) -> dict[str, Any]:
    """All that a completion's log-probability depends on, as it is stored."""
    return {
        "reference": reference,
        "template": backbone().tokenizer_sha256,
        "max_tokens": max_tokens,
        "temperature": temperature,
    }


def _store_logprobs(
    way: dict[str, Any],
    chunk: Sequence[Completion],
    values: Iterable[Any],
    tokens: Iterable[int],
) -> None:
    LogProb.objects.bulk_create(
        (
            LogProb(completion=completion, value=float(value), tokens=count, **way)
            for completion, value, count in zip(chunk, values, tokens, strict=True)
        ),
        ignore_conflicts=True,
    )


def read_features(completion_ids: Iterable[int], encoder: str) -> dict[int, np.ndarray]:
    """Stored features by completion id, float32 ``[H]``; absent ones are left out."""
    found: dict[int, np.ndarray] = {}
    ids = list(completion_ids)
    for start in range(0, len(ids), 500):
        rows = Feature.objects.filter(encoder=encoder, completion_id__in=ids[start : start + 500])
        for pk, vector in rows.values_list("completion_id", "vector"):
            found[pk] = np.frombuffer(bytes(vector), dtype="<f4")
    return found


def read_logprobs(
    completion_ids: Iterable[int], policy: Policy, max_tokens: int, temperature: float = 1.0
) -> dict[int, tuple[float, int]]:
    """Stored (log-probability, tokens) by completion id; absent ones are left out."""
    found: dict[int, tuple[float, int]] = {}
    ids, way = list(completion_ids), _way(_weights(policy), max_tokens, temperature)
    for start in range(0, len(ids), 500):
        rows = LogProb.objects.filter(completion_id__in=ids[start : start + 500], **way)
        for pk, value, tokens in rows.values_list("completion_id", "value", "tokens"):
            found[pk] = (value, tokens)
    return found

"""Train the candidate policy by a direct method, a slice at a time."""

from typing import TYPE_CHECKING

from annotation.models import Completion
from training.backbones import backbone, encode
from training.configuration import RoundSettings
from training.embedding import read_logprobs
from training.jobs import Lease
from training.models import Round
from training.steps.candidates import train_candidate
from training.steps.context import (
    RankedPrompt,
    Thumbed,
    not_learned_yet,
    rankings_of,
    round_of,
    settings_of,
    thumbs_of,
)

if TYPE_CHECKING:
    from training.engine.preference import PreferenceExample

REPORTED = ("loss", "accuracy", "margin", "longer_wins")


def run(lease: Lease) -> None:
    from training.engine.preference import train_preference

    round = round_of(lease)
    settings = settings_of(round)
    given = backbone(), _examples(round, settings), settings.preference
    train_candidate(lease, round, train_preference, *given, reported=REPORTED)


def _examples(round: Round, settings: RoundSettings) -> "list[PreferenceExample]":
    """What the policy learns from: rankings, and for KTO thumbs beside them."""
    ranked: list[RankedPrompt | Thumbed] = [*rankings_of(round)]
    if settings.preference.loss == "kto":
        ranked += thumbs_of(round)
    chosen = not_learned_yet(round, ranked, settings.minimum_rankings)
    loaded = backbone()
    ids = {each.pk for one in chosen for each in _completions(one)}
    reference = read_logprobs(ids, loaded.trunk_sha256, loaded.tokenizer_sha256)
    return [_example(each, reference, settings) for each in chosen]


def _completions(each: RankedPrompt | Thumbed) -> list[Completion]:
    return each.completions if isinstance(each, RankedPrompt) else [each.completion]


def _example(
    each: RankedPrompt | Thumbed, reference: dict[int, tuple[float, int]], settings: RoundSettings
) -> "PreferenceExample":
    from training.engine.preference import PreferenceExample

    completions = _completions(each)
    rows = [encode(backbone(), one, settings.reward.max_tokens) for one in completions]
    return PreferenceExample(
        key=str(each.submission.pk),
        prompt_ids=rows[0].prompt,
        completion_ids=[row.completion for row in rows],
        ranks=each.ranks if isinstance(each, RankedPrompt) else [1 if each.good else 2],
        reference_logprobs=[reference[one.pk][0] for one in completions],
        strengths=list(map(float, getattr(each, "strengths", []))),
        thumbs=isinstance(each, Thumbed),
    )

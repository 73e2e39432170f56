"""Train the candidate policy by a direct method, a slice at a time."""

from typing import TYPE_CHECKING

from annotation.models import Completion
from training.backbones import backbone, encode
from training.configuration import RoundSettings
from training.embedding import read_logprobs, score
from training.jobs import Lease
from training.models import Round
from training.policies import reference_of
from training.rounds import again
from training.steps.candidates import train_candidate
from training.steps.context import (
    RankedPrompt,
    Thumbed,
    not_learned_yet,
    rankings_of,
    round_of,
    settings_of,
    slice_end,
    thumbs_of,
)

if TYPE_CHECKING:
    from training.engine.preference import PreferenceExample

REPORTED = ("loss", "accuracy", "margin", "longer_wins")


def run(lease: Lease) -> None:
    from training.engine.preference import train_preference

    round = round_of(lease)
    settings = settings_of(round)
    chosen = _chosen(round, settings)
    if not _score(lease, round, chosen, settings):
        with lease.finishing():
            again(lease)
        return
    reference = reference_of(round.project, settings.reference)
    given = backbone(), _examples(round, chosen, settings), settings.preference
    train_candidate(lease, round, train_preference, *given, reported=REPORTED, reference=reference)


def _chosen(round: Round, settings: RoundSettings) -> list[RankedPrompt | Thumbed]:
    """What the policy learns from: rankings, and for KTO thumbs beside them."""
    ranked: list[RankedPrompt | Thumbed] = [*rankings_of(round)]
    if settings.preference.loss == "kto":
        ranked += thumbs_of(round)
    return not_learned_yet(round, ranked, settings.minimum_rankings)


def _score(
    lease: Lease, round: Round, chosen: list[RankedPrompt | Thumbed], settings: RoundSettings
) -> bool:
    """Store the reference's log-probabilities, cut as the policy's are; False when the slice ended.

    Reading for the reward model has stored them already where both are cut alike.
    """
    completions = {each.pk: each for one in chosen for each in _completions(one)}
    most = settings.preference.max_tokens
    reference = reference_of(round.project, settings.reference)
    return score(lease, reference, list(completions.values()), most, slice_end())


def _examples(
    round: Round, chosen: list[RankedPrompt | Thumbed], settings: RoundSettings
) -> "list[PreferenceExample]":
    ids = {each.pk for one in chosen for each in _completions(one)}
    held_to = reference_of(round.project, settings.reference)
    reference = read_logprobs(ids, held_to, settings.preference.max_tokens)
    return [_example(each, reference, settings) for each in chosen]


def _completions(each: RankedPrompt | Thumbed) -> list[Completion]:
    return each.completions if isinstance(each, RankedPrompt) else [each.completion]


def _example(
    each: RankedPrompt | Thumbed, reference: dict[int, tuple[float, int]], settings: RoundSettings
) -> "PreferenceExample":
    from training.engine.preference import PreferenceExample

    completions = _completions(each)
    rows = [encode(backbone(), one, settings.preference.max_tokens) for one in completions]
    return PreferenceExample(
        key=str(each.submission.pk),
        prompt_ids=rows[0].prompt,
        completion_ids=[row.completion for row in rows],
        ranks=each.ranks if isinstance(each, RankedPrompt) else [1 if each.good else 2],
        reference_logprobs=[reference[one.pk][0] for one in completions],
        strengths=list(map(float, getattr(each, "strengths", []))),
        thumbs=isinstance(each, Thumbed),
        weight=each.weight,
    )

"""Train the candidate policy by DPO, a slice at a time."""

from typing import TYPE_CHECKING

from training.backbones import backbone, encode
from training.configuration import RoundSettings
from training.embedding import read_logprobs
from training.jobs import Lease
from training.models import Round
from training.policies import adapter_folder, artefact_folder
from training.rounds import advance, again
from training.steps.candidates import store_candidate
from training.steps.context import RankedPrompt, rankings_of, round_of, settings_of, slice_end

if TYPE_CHECKING:
    from training.engine.preference import PreferenceExample

REPORTED = ("loss", "accuracy", "margin", "longer_wins")


def run(lease: Lease) -> None:
    from training.engine.loop import Paused
    from training.engine.preference import train_preference

    round = round_of(lease)
    settings = settings_of(round)
    name = f"round-{round.pk}/policy"
    result = train_preference(
        backbone(),
        _examples(round, settings),
        settings.preference,
        artefact_folder(name),
        start_adapter=adapter_folder(round.base_policy),
        deadline=slice_end(),
        on_progress=lambda done, total: lease.beat(done, total, "training the policy"),
    )
    with lease.finishing():
        if isinstance(result, Paused):
            again(lease)
            return
        store_candidate(round, name, result, REPORTED)
        advance(lease)


def learned_from(round: Round, settings: RoundSettings) -> list[RankedPrompt]:
    """The rankings that the policy learns from: those that its parent has not learned from.

    All of them, where that leaves fewer than a round asks for.
    """
    ranked = rankings_of(round)
    earlier = Round.objects.filter(policy=round.base_policy).first()
    if not settings.new_rankings_only or earlier is None:
        return ranked
    known = set(earlier.snapshot.items.values_list("submission_id", flat=True))
    fresh = [each for each in ranked if each.submission.pk not in known]
    return fresh if len(fresh) >= settings.minimum_rankings else ranked


def _examples(round: Round, settings: RoundSettings) -> "list[PreferenceExample]":
    from training.engine.preference import PreferenceExample

    loaded = backbone()
    ranked = learned_from(round, settings)
    ids = {completion.pk for each in ranked for completion in each.completions}
    reference = read_logprobs(ids, loaded.trunk_sha256, loaded.tokenizer_sha256)
    examples = []
    for each in ranked:
        rows = [encode(loaded, one, settings.reward.max_tokens) for one in each.completions]
        examples.append(
            PreferenceExample(
                key=str(each.submission.pk),
                prompt_ids=rows[0].prompt,
                completion_ids=[row.completion for row in rows],
                ranks=each.ranks,
                reference_logprobs=[reference[one.pk][0] for one in each.completions],
                strengths=list(map(float, each.strengths)),
            )
        )
    return examples

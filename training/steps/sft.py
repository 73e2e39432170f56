"""Train the candidate policy on what people wrote or edited, a slice at a time."""

from typing import TYPE_CHECKING

from training.backbones import backbone
from training.configuration import RoundSettings
from training.jobs import Lease
from training.models import Round
from training.policies import adapter_folder, artefact_folder
from training.rounds import advance, again
from training.steps.candidates import store_candidate
from training.steps.context import (
    demonstrations_of,
    not_learned_yet,
    round_of,
    settings_of,
    slice_end,
)

if TYPE_CHECKING:
    from training.engine.sft import Demonstration

REPORTED = ("loss", "tokens")


def run(lease: Lease) -> None:
    from training.engine.loop import Paused
    from training.engine.sft import train_sft

    round = round_of(lease)
    settings = settings_of(round)
    name = f"round-{round.pk}/policy"
    result = train_sft(
        backbone(),
        _demonstrations(round, settings),
        settings.sft,
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


def _demonstrations(round: Round, settings: RoundSettings) -> "list[Demonstration]":
    from training.engine.sequences import encode_completion, encode_prompt
    from training.engine.sft import Demonstration

    tokenizer = backbone().tokenizer
    written = not_learned_yet(round, demonstrations_of(round), settings.minimum_demonstrations)
    return [
        Demonstration(
            str(each.submission.pk),
            encode_prompt(tokenizer, each.prompt.messages),
            encode_completion(tokenizer, each.text, ended=True),
        )
        for each in written
    ]

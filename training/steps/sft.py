"""Train the candidate policy on what people wrote or edited, a slice at a time."""

from typing import TYPE_CHECKING

from training.backbones import backbone
from training.configuration import RoundSettings
from training.jobs import Lease
from training.models import Round
from training.steps.candidates import train_candidate
from training.steps.context import (
    demonstrations_of,
    not_learned_yet,
    round_of,
    settings_of,
)

if TYPE_CHECKING:
    from training.engine.sft import Demonstration

REPORTED = ("loss", "tokens")


def run(lease: Lease) -> None:
    from training.engine.sft import train_sft

    round = round_of(lease)
    settings = settings_of(round)
    given = backbone(), _demonstrations(round, settings), settings.sft
    train_candidate(lease, round, train_sft, *given, reported=REPORTED)


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

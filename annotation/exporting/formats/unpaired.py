"""Single completions, good or bad (KTO), and answers to imitate (SFT), as messages."""

from collections.abc import Iterator
from typing import Any

from annotation.exporting.formats.base import (
    MESSAGES,
    TEXT,
    TRUTH,
    Format,
    about,
    as_messages,
    reply,
)
from annotation.exporting.reading import RANKINGS, Judgement, Ranked, Thumbed, Written
from annotation.models import TaskKind

Verdicts = Iterator[tuple[str, str, bool]]


class Unpaired(Format):
    """A verdict as it was given; of a ranking the best tier as good and the worst as bad, what
    lies between as neither. What is unacceptable is bad wherever it stands."""

    kinds = (*RANKINGS, TaskKind.THUMBS)
    own_columns = {"prompt": MESSAGES, "completion": MESSAGES, "label": TRUTH, "model": TEXT}

    def rows(self, judgement: Ranked | Thumbed) -> Iterator[dict[str, Any]]:
        for text, model, good in _verdicts(judgement):
            yield {
                "prompt": as_messages(judgement.messages),
                "completion": reply(text),
                "label": good,
                "model": model or None,
                **about(judgement),
            }


def _verdicts(judgement: Judgement) -> Verdicts:
    if isinstance(judgement, Thumbed):
        yield judgement.text, judgement.model, judgement.good
    elif isinstance(judgement, Ranked):
        worst = max(judgement.ranks)
        for each in judgement.completions:
            if each.unacceptable or (each.rank == worst and worst > 1):
                yield each.text, each.model, False
            elif each.rank == 1 and worst > 1:
                yield each.text, each.model, True


class Sft(Format):
    """Demonstrations, and of rankings what is best and not unacceptable, each text once."""

    kinds = (*RANKINGS, TaskKind.WRITE)
    own_columns = {"prompt": MESSAGES, "completion": MESSAGES}

    def rows(self, judgement: Ranked | Written) -> Iterator[dict[str, Any]]:
        for text in dict.fromkeys(_best(judgement)):
            yield {
                "prompt": as_messages(judgement.messages),
                "completion": reply(text),
                **about(judgement),
            }


def _best(judgement: Judgement) -> Iterator[str]:
    if isinstance(judgement, Written):
        yield judgement.text
    elif isinstance(judgement, Ranked) and max(judgement.ranks) > 1:
        for each in judgement.completions:
            if each.rank == 1 and not each.unacceptable and each.text:
                yield each.text

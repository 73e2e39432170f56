"""Rows that hold a ranking: K completions beside their ranks."""

from collections.abc import Sequence
from typing import Any

from django.utils.translation import gettext_noop

from annotation import answers
from annotation.content import parse_messages
from annotation.errors import Invalid
from annotation.importing import fields
from annotation.importing.rows import Answer, PromptRow, RankingRow, check_place, parse_answers
from annotation.models import TaskKind
from annotation.pairs import tiers

RANKING_FIELDS = fields.ABOUT | {
    *("prompt", "completions", "ranks", "unacceptable", "strengths", "labels", "ratings"),
    *("comment", "seconds", "shown"),
    *("people", "worths", "errors"),  # of a consensus: what comes in is the ranking alone
}
MAX_STRENGTH = max(answers.STRENGTHS)
# A pair that was cut out of a ranking of nine carries the sum over the boundaries in between.
MAX_PAIR_STRENGTH = 8 * MAX_STRENGTH


def parse_ranking_row(value: Any) -> RankingRow:
    """Raises Invalid, naming the field."""
    row = fields.check_known(value, RANKING_FIELDS)
    prompt = PromptRow(
        parse_messages(fields.take(row, "prompt")),
        parse_answers(fields.take(row, "completions")),
        fields.metadata(row.get("metadata")),
    )
    check_place(row, prompt)
    said, names = _said(row, prompt.answers)
    ranks = [said.ranks[name] for name in names]
    return RankingRow(
        prompt,
        ranks=tuple(ranks),
        unacceptable=tuple(name in said.unacceptable for name in names),
        labels=tuple(tuple(said.labels.get(name, ())) for name in names),
        strengths=check_strengths(row.get("strengths"), ranks),
        ratings=check_ratings(row.get("ratings"), len(ranks)),
        comment=said.comment,
        seconds=said.seconds,
        shown=_shown(row.get("shown")),
        **fields.about(row),
    )


def _said(row: dict[str, Any], given: Sequence[Answer]) -> tuple[answers.Answer, list[str]]:
    """What the row says, held to the same rules as a person's answer; completions are "1" to K."""
    k = len(given)
    names = [str(number) for number in range(1, k + 1)]
    ranks = fields.per_completion("ranks", fields.take(row, "ranks"), k)
    flags = fields.per_completion("unacceptable", row.get("unacceptable"), k)
    if not all(type(flag) is bool for flag in flags):
        raise Invalid(gettext_noop("unacceptable: must be a list of true and false."))
    labels = fields.per_completion("labels", row.get("labels"), k)
    body = {
        "ranks": dict(zip(names, ranks, strict=True)),
        "unacceptable": [name for name, flag in zip(names, flags, strict=False) if flag],
        "labels": dict(zip(names, labels, strict=False)),
        "comment": "" if row.get("comment") is None else row["comment"],
        "seconds": row.get("seconds"),
    }
    texts = {name: answer.text for name, answer in zip(names, given, strict=True)}
    return answers.parse(TaskKind.RANK, body, texts), names


def _shown(value: Any) -> bool:
    """Whether the completions stand as the person saw them, which nobody knows unless told."""
    if value is not None and type(value) is not bool:
        raise Invalid("shown: must be true or false.")
    return value is True


def check_ratings(value: Any, k: int) -> tuple[int, ...]:
    """What each completion was given by itself. Raises Invalid."""
    if value is None or value == []:
        return ()
    ratings = fields.per_completion("ratings", value, k)
    if not all(type(rating) is int and rating in answers.RATINGS for rating in ratings):
        least, most = min(answers.RATINGS), max(answers.RATINGS)
        raise Invalid(
            gettext_noop("ratings: must be whole numbers from %(least)s to %(most)s."),
            least=least,
            most=most,
        )
    return tuple(ratings)


def check_strengths(value: Any, ranks: Sequence[int]) -> tuple[int, ...]:
    """How much better each tier is than the next. Raises Invalid."""
    if value is None or value == []:
        return ()
    boundaries = len(tiers(ranks)) - 1
    if not isinstance(value, list) or len(value) != boundaries:
        raise Invalid(
            gettext_noop(
                "strengths: must be a list of %(count)s, one for each boundary between "
                "neighbouring tiers."
            ),
            count=boundaries,
        )
    limit = MAX_PAIR_STRENGTH if len(ranks) == 2 else MAX_STRENGTH
    return tuple(check_strength("strengths", strength, limit) for strength in value)


def check_strength(name: str, value: Any, limit: int = MAX_PAIR_STRENGTH) -> int:
    if type(value) is not int or not 1 <= value <= limit:
        raise Invalid(
            gettext_noop("%(name)s: must be a whole number from 1 to %(most)s."),
            name=name,
            most=limit,
        )
    return value

"""Answers as they arrive: parsed from hostile JSON into what a submission may hold.

The parsers know the task's completions and nothing of the database, so that a mistake is
reported in the words of whoever sent it.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from django.utils.translation import gettext, gettext_noop

from annotation.content import check_storable, check_storable_json
from annotation.errors import Invalid
from annotation.models import TaskKind, Thumb
from annotation.pairs import is_weak_order, tiers

MAX_COMMENT = 10_000
MAX_TEXT = 100_000
MAX_SECONDS = 7 * 24 * 3600.0
STRENGTHS = (1, 2, 3)
RATINGS = range(1, 8)
COMMON_FIELDS = {"labels", "comment", "seconds"}
FIELDS = {
    TaskKind.RANK: {"ranks", "unacceptable", "strengths", "placed", "ratings"},
    TaskKind.COMPARE: {"ranks", "unacceptable", "strengths", "placed", "ratings"},
    TaskKind.THUMBS: {"verdict"},
    TaskKind.WRITE: {"text"},
}


@dataclass(frozen=True)
class Answer:
    """What one person says of one task, checked against the task's completions.

    ``ranks``, ``unacceptable`` and ``ratings`` are keyed by completion uid; ``ratings`` are of all
    completions or of none.
    """

    ranks: dict[str, int] = field(default_factory=dict)
    unacceptable: frozenset[str] = frozenset()
    strengths: tuple[int, ...] = ()
    ratings: dict[str, int] = field(default_factory=dict)
    verdict: str = ""
    text: str = ""
    labels: dict[str, list[str]] = field(default_factory=dict)
    comment: str = ""
    seconds: float | None = None


def parse(
    kind: str,
    body: Any,
    texts: Mapping[str, str],
    *,
    must_place: bool = False,
    must_rate: bool = False,
    labels: Sequence[str] | None = None,
) -> Answer:
    """An Answer from a JSON body.

    ``texts`` maps the uid of each completion of the task to its text. ``labels`` are those that
    the project has; None lets any pass, as an import does. ``must_place``: the
    sender has to name in ``placed`` all that the person has put in its place by hand, so that an
    untouched screen is never taken for an opinion; ``must_rate``: and to rate each by itself.
    Raises Invalid.
    """
    if not isinstance(body, dict):
        raise Invalid(gettext_noop("The body must be a JSON object."))
    known = FIELDS[TaskKind(kind)] | COMMON_FIELDS
    for name in body:
        check_storable("The name of a field", name)
        if name not in known:
            raise Invalid(
                gettext_noop("%(name)s: unknown field. Known: %(known)s."),
                name=_short(name),
                known=", ".join(sorted(known)),
            )
    said = Answer(
        labels=_labels(body.get("labels", {}), texts, labels),
        comment=_text("comment", body.get("comment", ""), MAX_COMMENT),
        seconds=_seconds(body.get("seconds")),
    )
    if kind == TaskKind.THUMBS:
        return replace(said, verdict=_verdict(body.get("verdict")))
    if kind == TaskKind.WRITE:
        return replace(said, text=_written(body.get("text", ""), texts))
    said = replace(said, ratings=_ratings(body.get("ratings", {}), texts, must_rate))
    return _ranking(body, texts, said, must_place)


def _ranking(
    body: dict[str, Any], texts: Mapping[str, str], said: Answer, must_place: bool
) -> Answer:
    unacceptable = _uids("unacceptable", body.get("unacceptable", []), texts)
    _check_placed(body, texts, must_place)
    ranks = _ranks(body.get("ranks"), unacceptable, texts)
    _check_order(ranks, unacceptable)
    _check_identical(ranks, texts)
    strengths = _strengths(body.get("strengths", []), len(tiers(list(ranks.values()))) - 1)
    return replace(said, ranks=ranks, unacceptable=unacceptable, strengths=strengths)


def _ratings(value: Any, texts: Mapping[str, str], must_rate: bool) -> dict[str, int]:
    if not isinstance(value, dict):
        raise Invalid(
            gettext_noop("ratings: must be an object that maps each completion id to its rating.")
        )
    for uid, rating in value.items():
        if uid not in texts:
            raise Invalid(
                gettext_noop("ratings: %(uid)r is not a completion of this task."), uid=_short(uid)
            )
        if type(rating) is not int or rating not in RATINGS:
            raise Invalid(
                gettext_noop("ratings: that of %(uid)r must be a whole number from 1 to 7."),
                uid=_short(uid),
            )
    missing = len(texts) - len(value)
    if missing and (value or must_rate):
        raise Invalid(
            gettext_noop(
                "ratings: %(missing)s of %(texts)s completions have not been rated yet. Rate "
                "each one by itself, from 1 to 7."
            ),
            missing=missing,
            texts=len(texts),
        )
    return dict(value)


def _uids(name: str, value: Any, texts: Mapping[str, str]) -> frozenset[str]:
    if not isinstance(value, list) or not all(isinstance(uid, str) for uid in value):
        raise Invalid(gettext_noop("%(name)s: must be a list of completion ids."), name=name)
    for uid in value:
        if uid not in texts:
            raise Invalid(
                gettext_noop("%(name)s: %(uid)r is not a completion of this task."),
                name=name,
                uid=_short(uid),
            )
    if len(set(value)) != len(value):
        raise Invalid(gettext_noop("%(name)s: a completion is named twice."), name=name)
    return frozenset(value)


def _check_placed(body: dict[str, Any], texts: Mapping[str, str], must_place: bool) -> None:
    if "placed" not in body and not must_place:
        return
    missing = len(texts.keys() - _uids("placed", body.get("placed", []), texts))
    if missing:
        raise Invalid(
            gettext_noop(
                "placed: %(missing)s of %(texts)s completions have not been placed yet. "
                "Place each one before submitting."
            ),
            missing=missing,
            texts=len(texts),
        )


def _ranks(value: Any, unacceptable: frozenset[str], texts: Mapping[str, str]) -> dict[str, int]:
    """Ranks of all completions; unacceptable ones that carry none share the worst rank."""
    if not isinstance(value, dict):
        raise Invalid(
            gettext_noop("ranks: must be an object that maps each completion id to its rank.")
        )
    for uid, rank in value.items():
        if uid not in texts:
            raise Invalid(
                gettext_noop("ranks: %(uid)r is not a completion of this task."), uid=_short(uid)
            )
        if type(rank) is not int:
            raise Invalid(
                gettext_noop("ranks: the rank of %(uid)r must be a whole number."), uid=_short(uid)
            )
    ranks = dict(value)
    for uid in unacceptable - ranks.keys():
        ranks[uid] = 1 + len(texts.keys() - unacceptable)
    missing = texts.keys() - ranks.keys()
    if missing:
        raise Invalid(
            gettext_noop("ranks: %(missing)s of %(texts)s completions have no rank."),
            missing=len(missing),
            texts=len(texts),
        )
    return ranks


def _check_order(ranks: dict[str, int], unacceptable: frozenset[str]) -> None:
    if not is_weak_order(list(ranks.values())):
        raise Invalid(
            gettext_noop(
                "ranks: %(values)s is not a weak order. Each rank must be one more than the "
                "number of better completions, as in 1, 2, 2, 4."
            ),
            values=sorted(ranks.values()),
        )
    worst = {uid for uid, rank in ranks.items() if rank == max(ranks.values())}
    if unacceptable and worst != unacceptable:
        raise Invalid(
            gettext_noop(
                "unacceptable: these completions, and only these, must share the worst rank."
            )
        )


def _check_identical(ranks: dict[str, int], texts: Mapping[str, str]) -> None:
    by_text: dict[str, int] = {}
    for uid, rank in ranks.items():
        if by_text.setdefault(texts[uid], rank) != rank:
            raise Invalid(
                gettext_noop("ranks: two completions with the same text must share a rank.")
            )


def _strengths(value: Any, boundaries: int) -> tuple[int, ...]:
    if not isinstance(value, list) or not all(
        type(strength) is int and strength in STRENGTHS for strength in value
    ):
        raise Invalid(
            gettext_noop("strengths: must be a list of 1 (slightly), 2 (clearly) or 3 (far).")
        )
    if value and len(value) != boundaries:
        raise Invalid(
            gettext_noop(
                "strengths: %(value)s given, but the ranking has %(boundaries)s boundaries "
                "between neighbouring tiers."
            ),
            value=len(value),
            boundaries=boundaries,
        )
    return tuple(value)


def _short(name: str) -> str:
    return name if len(name) <= 60 else f"{name[:59]}…"


def _labels(
    value: Any, texts: Mapping[str, str], known: Sequence[str] | None
) -> dict[str, list[str]]:
    if not isinstance(value, dict):
        raise Invalid(
            gettext_noop("labels: must be an object that maps a completion id to a list of labels.")
        )
    for uid, names in value.items():
        if uid not in texts:
            raise Invalid(
                gettext_noop("labels: %(uid)r is not a completion of this task."), uid=_short(uid)
            )
        if not _is_list_of_short_texts(names):
            name = repr(_short(uid))
            raise Invalid(
                gettext_noop("labels: those of %(name)s must be a list of at most 50 short texts."),
                name=name,
            )
        check_storable_json("labels:", names)
        for name in names:
            if known is not None and name not in known:
                raise Invalid(_unknown_label(name, known))
    return value


def _unknown_label(name: str, known: Sequence[str]) -> str:
    if not known:
        return gettext("labels: %(name)r is unknown: this project has no labels.") % {"name": name}
    return gettext("labels: %(name)r is not one of this project's: %(known)s.") % {
        "name": name,
        "known": ", ".join(known),
    }


def _is_list_of_short_texts(value: Any) -> bool:
    return (
        isinstance(value, list)
        and len(value) <= 50
        and all(isinstance(name, str) and len(name) <= 100 for name in value)
    )


def _text(name: str, value: Any, limit: int) -> str:
    if not isinstance(value, str):
        raise Invalid(gettext_noop("%(name)s: must be a text."), name=name)
    if len(value) > limit:
        raise Invalid(
            gettext_noop("%(name)s: longer than %(limit)s characters. Shorten it."),
            name=name,
            limit=f"{limit:,}",
        )
    check_storable(f"{name}:", value)
    return value


def _written(value: Any, texts: Mapping[str, str]) -> str:
    text = _text("text", value, MAX_TEXT)
    if not text.strip():
        raise Invalid(gettext_noop("text: it is empty. Write the answer first."))
    # A page sends the ends of lines in its own way; that alone is no change.
    if text.splitlines() in (given.splitlines() for given in texts.values()):
        raise Invalid(
            gettext_noop("text: it is the given response, unchanged. Improve it, or skip the task.")
        )
    return text


def _seconds(value: Any) -> float | None:
    if value is None:
        return None
    if type(value) not in (int, float) or not 0 <= value <= MAX_SECONDS:
        raise Invalid(gettext_noop("seconds: must be a number of seconds from 0 to a week."))
    return float(value)


def _verdict(value: Any) -> str:
    if value not in Thumb.Verdict.values:
        raise Invalid(gettext_noop('verdict: must be "good" or "bad".'))
    return str(value)


def placed_ranks(order: Sequence[str], tier_of: Mapping[str, int]) -> dict[str, int]:
    """Competition ranks from tier numbers as a form sends them (1 is best; gaps are allowed)."""
    return {
        uid: 1 + sum(tier_of[other] < tier_of[uid] for other in order if other in tier_of)
        for uid in order
        if uid in tier_of
    }

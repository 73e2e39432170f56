"""Gathering the words of texts for the explorer, on PostgreSQL: after they are stored, not while.

To take a text apart costs more than to store it. So what is stored is only noted (by triggers,
migration 0021), and a worker gathers its words little by little. Texts never change, so words that
are gathered twice are the same.
"""

import math
import time

from django.db import connection
from django.db.models import F

from annotation.importing.batches import Pace
from annotation.models import UnreadTexts
from annotation.words import are_indexed

TEXTS = {"prompt": "jsonb_path_query_array(t.messages, '$[*].content')", "completion": "t.text"}
# Keys are shared: a text is removed before its words are gathered, or with them.
GATHER = """
INSERT INTO annotation_{kind}words ({kind}_id, words)
    SELECT t.id, strip(to_tsvector('simple'::regconfig, {text}))
    FROM unnest(%s::bigint[], %s::bigint[]) AS unread (low, high)
    JOIN annotation_{kind} t ON t.id BETWEEN unread.low AND unread.high
    FOR KEY SHARE OF t
ON CONFLICT DO NOTHING
"""
# What is new stands in a list at first, which every search reads from end to end.
SORT_IN = "SELECT gin_clean_pending_list('words_of_{kind}')"
MANY = 1_000


def gather(seconds: float = math.inf) -> None:
    """Gather the words of what is noted, oldest first, and begin nothing after so many seconds.

    In short transactions; several processes at a time take different texts.
    """
    if are_indexed():
        end = time.monotonic() + seconds
        for kind in UnreadTexts.Kind:
            _gather_kind(kind, end)


def unread() -> int:
    """How many texts' words are still to be gathered; beyond MANY, just some number beyond."""
    widths = UnreadTexts.objects.values_list(F("high") - F("low") + 1, flat=True)
    return sum(widths[: MANY + 1])


def _gather_kind(kind: str, end: float) -> None:
    pace, more, some = Pace(), True, False
    while more and time.monotonic() < end:
        with pace.transaction(pace.rows()):
            more = _gather_some(kind, pace.rows())
        some |= more
    if some:
        with connection.cursor() as cursor:
            cursor.execute(SORT_IN.format(kind=kind))


def _gather_some(kind: str, rows: int) -> bool:
    """Whether there were any; inside a transaction."""
    spans = _take(kind, rows)
    if spans:
        statement = GATHER.format(kind=kind, text=TEXTS[UnreadTexts.Kind(kind)])
        with connection.cursor() as cursor:
            cursor.execute(statement, [list(ends) for ends in zip(*spans, strict=True)])
    return bool(spans)


def _take(kind: str, rows: int) -> list[tuple[int, int]]:
    """The first spans of ids, of so many in all, which are noted no longer."""
    spans: list[tuple[int, int]] = []
    noted = UnreadTexts.objects.filter(kind=kind).select_for_update(skip_locked=True)
    ended: list[int] = []
    for each in noted.order_by("pk")[:rows]:
        last = min(each.high, each.low + rows - 1)
        spans.append((each.low, last))
        if last < each.high:
            UnreadTexts.objects.filter(pk=each.pk).update(low=last + 1)
        else:
            ended.append(each.pk)
        rows -= last - each.low + 1
        if not rows:
            break
    UnreadTexts.objects.filter(pk__in=ended).delete()
    return spans

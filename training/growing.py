"""What the model has written so far of replies that somebody waits for.

It lives in the cache, for a moment: it is looked at, and nothing follows from it.
"""

import logging
import time
from collections.abc import Callable, Mapping, Sequence

from django.core.cache import cache

from annotation.identities import screen_of
from annotation.models import Turn

log = logging.getLogger(__name__)
EVERY_SECONDS = 0.5
KEPT_SECONDS = 60


class Growing:
    """Shows the samples of a turn while they grow, by their seeds.

    A text that names a model is shown no more, as it would be held back when it is whole.
    """

    def __init__(self, turn: Turn, decode: Callable[[Sequence[int]], str]) -> None:
        """``decode`` makes tokens a text."""
        self._key = _key(turn)
        self._decode = decode
        self._screen = screen_of(turn.prompt.project.held_names)
        self._texts: dict[int, str] = {}
        self._hidden: set[int] = set()
        self._due = 0.0

    def __call__(self, ids: Mapping[int, Sequence[int]]) -> None:
        if time.monotonic() < self._due:
            return
        self._due = time.monotonic() + EVERY_SECONDS
        for seed, tokens in ids.items():
            text = self._decode(tokens).rstrip("\N{REPLACEMENT CHARACTER}")
            if self._screen.find(text):
                self._hidden.add(seed)
            self._texts[seed] = "" if seed in self._hidden else text
        try:
            cache.set(self._key, list(self._texts.values()), KEPT_SECONDS)
        except Exception:  # whatever a cache may raise: replies come all the same
            log.warning("What grows could not be shown.", exc_info=True)


def growing(turn: Turn) -> list[str]:
    """The replies to a turn so far; none before they begin and a minute after they fell silent."""
    found: list[str] = cache.get(_key(turn), [])
    return found


def _key(turn: Turn) -> str:
    return f"growing:{turn.pk}:{turn.attempt}"

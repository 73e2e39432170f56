"""How far a run is, as a bar on the terminal."""

from __future__ import annotations

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tqdm import tqdm

# What is being done, how far, of how much.
Report = Callable[[str, int, int], None]


def silent(what: str, done: int, total: int) -> None:
    """A Report that nobody reads."""


# The site's commands have a bar alike (annotation/progress.py). There is no place below both: the
# engine runs without the site, and the people's side without the engine.
class Bar:
    """One bar for each thing done; silent where there is no terminal, gone when it is closed."""

    def __init__(self) -> None:
        self._what = ""
        self._bar: tqdm | None = None

    def __call__(self, what: str, done: int, total: int) -> None:
        if self._bar is None or what != self._what:
            self.close()
            self._what = what
            self._bar = tqdm(
                total=total, desc=what, leave=False, dynamic_ncols=True,
                disable=not sys.stderr.isatty(),
            )  # fmt: skip
        self._bar.total = total
        self._bar.update(done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()
            self._bar = None

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()

"""How far a long piece of work is: said by verbs, shown as a bar by commands on a terminal."""

import sys
from collections.abc import Callable
from types import TracebackType
from typing import Self

from tqdm import tqdm

# What is being done, how far, of how much.
Report = Callable[[str, int, int], None]


def silent(stage: str, done: int, total: int) -> None:
    """A Report that nobody reads."""


class Bar:
    """A Report on the terminal, one bar for each stage; silent where there is no terminal.

    It vanishes when it is done or interrupted, so that what is printed then stands alone.
    """

    def __init__(self) -> None:
        self._stage = ""
        self._bar: tqdm | None = None

    def __call__(self, stage: str, done: int, total: int) -> None:
        if self._bar is None or stage != self._stage:
            self.close()
            self._stage = stage
            self._bar = tqdm(
                total=total,
                desc=stage,
                leave=False,
                unit_scale=True,
                dynamic_ncols=True,
                disable=not sys.stderr.isatty(),
            )
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

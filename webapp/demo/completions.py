"""The completions that ship with the demonstration, as they were sampled beforehand.

A gzipped file of JSON lines. The first one says what sampled them: ``model``, ``model_sha256``
(of the trunk), ``tokenizer_sha256`` and ``settings``. Each other one is a ``prompt`` with its
``completions``: ``text``, ``seed``, ``finish_reason``, ``token_ids``, ``logprob``.
"""

import gzip
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from annotation.errors import Invalid

SHIPPED = Path(__file__).parent / "completions.jsonl.gz"


@dataclass(frozen=True)
class Sampled:
    """One completion and how it came about."""

    text: str
    seed: int
    finish_reason: str
    token_ids: list[int]
    logprob: float


@dataclass(frozen=True)
class Shipped:
    """What one model answered to some prompts."""

    model: str
    model_sha256: str
    tokenizer_sha256: str
    settings: dict[str, Any]
    answers: list[tuple[str, list[Sampled]]]

    @classmethod
    def read(cls, path: Path = SHIPPED) -> Self:
        """Raises Invalid with the number of the first line that is not as it should be."""
        with gzip.open(path, "rt", encoding="utf-8") as stream:
            return cls.parse(stream)

    @classmethod
    def parse(cls, lines: Iterable[str]) -> Self:
        header: dict[str, Any] = {}
        answers = []
        for number, line in enumerate(lines, start=1):
            try:
                row = json.loads(line)
                if number == 1:
                    header = row
                else:
                    answers.append((row["prompt"], [Sampled(**one) for one in row["completions"]]))
            except (ValueError, TypeError, KeyError) as error:
                raise Invalid(f"The demo's completions, line {number}: {error!r}.") from None
        try:
            return cls(**header, answers=answers)
        except TypeError as error:
            raise Invalid(f"The demo's completions, line 1: {error}.") from None

"""Rows of a file, checked by themselves: what they may hold and how they are told apart."""

import json
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from hashlib import sha256
from typing import Any

from django.utils.translation import gettext_noop

from annotation.content import (
    Messages,
    check_completion,
    content_hash,
    group_of,
    parse_messages,
    split_of,
    text_hash,
)
from annotation.errors import Invalid
from annotation.importing import fields
from annotation.models import TaskKind
from annotation.tasking import check_k
from annotation.telling import Sentence

NUMBERED = gettext_noop("completions: number %(n)s")
ITS_MODEL = gettext_noop("%(name)s, model")
PROMPT_FIELDS = {"prompt", "completions", "metadata", "kind"}


def digest_of(*parts: Any) -> str:
    """One name for equal JSON."""
    canonical = json.dumps(parts, ensure_ascii=False, sort_keys=True, separators=(",", ":"))
    return sha256(canonical.encode()).hexdigest()


@dataclass(frozen=True)
class Answer:
    """A completion as a file gives it: its text byte for byte, and the model's name or ""."""

    text: str
    model: str

    @cached_property
    def text_sha256(self) -> str:
        return text_hash(self.text)


@dataclass(frozen=True)
class PromptRow:
    """A prompt, and the completions that are to be judged or none yet."""

    messages: Messages
    answers: tuple[Answer, ...] = ()
    metadata: dict[str, Any] = field(default_factory=dict)
    kind: str = TaskKind.RANK

    @cached_property
    def content_sha256(self) -> str:
        return content_hash(self.messages)

    @cached_property
    def group(self) -> str:
        return group_of(self.messages)

    @property
    def split(self) -> str:
        return split_of(self.group)

    @property
    def asks(self) -> bool:
        """Whether a task comes of it; without one, the active policy answers the prompt."""
        return bool(self.answers) or self.kind == TaskKind.WRITE

    @property
    def task_key(self) -> str:
        """Names the task over these completions: the same row, by a file or over HTTP, makes no
        second one."""
        shown = [[answer.model, answer.text_sha256] for answer in self.answers]
        prefix = "prompts" if self.kind == TaskKind.RANK else self.kind
        return f"{prefix}:{digest_of(self.content_sha256, shown)}"

    @property
    def size(self) -> int:
        """Characters, near enough to keep a batch small."""
        texts = [message["content"] for message in self.messages]
        return sum(map(len, texts)) + sum(len(answer.text) for answer in self.answers)


@dataclass(frozen=True)
class RankingRow:
    """One person's ranking of the prompt's completions; lists go beside ``prompt.answers``.

    ``shown`` says that the file's order of the completions is the one in which the person saw them;
    a file that does not say so may have listed them in any.
    ``annotator``, ``guideline`` and ``external_id`` are "" where the file says nothing. Of another
    ``kind``, it is a ``verdict`` on the one answer there is, or the ``text`` of a demonstration.
    """

    prompt: PromptRow
    ranks: tuple[int, ...]
    unacceptable: tuple[bool, ...]
    labels: tuple[tuple[str, ...], ...]
    strengths: tuple[int, ...] = ()
    ratings: tuple[int, ...] = ()
    comment: str = ""
    seconds: float | None = None
    annotator: str = ""
    guideline: str = ""
    external_id: str = ""
    shown: bool = False
    kind: str = TaskKind.RANK
    verdict: str = ""
    text: str = ""

    @cached_property
    def choice(self) -> str:
        """Names what is ranked, in whatever order it stands: equal for all rankings of it."""
        return digest_of(
            self.prompt.content_sha256,
            sorted((answer.model, answer.text_sha256) for answer in self.prompt.answers),
            *self._kind,
        )

    @property
    def _kind(self) -> tuple[str, ...]:
        """What tells other kinds from rankings of the same answers."""
        return () if self.kind == TaskKind.RANK else (str(self.kind),)

    @cached_property
    def digest(self) -> str:
        """Names who said what of it, in whatever order it stands."""
        answers = self.prompt.answers
        judged = zip(answers, self.ranks, self.unacceptable, self.labels, strict=True)
        return digest_of(
            self.prompt.content_sha256,
            sorted([a.model, a.text_sha256, rank, bad, names] for a, rank, bad, names in judged),
            [self.strengths, self.comment, self.seconds, self.annotator, self.guideline],
            *self._rated,
            *([*self._kind, str(self.verdict), self.text] if self._kind else []),
        )

    @property
    def _rated(self) -> list[Any]:
        """The ratings by answer, in whatever order those stand."""
        rated = zip(self.prompt.answers, self.ratings, strict=False)
        return [sorted([a.model, a.text_sha256, rating] for a, rating in rated)] * bool(
            self.ratings
        )

    @property
    def size(self) -> int:
        return self.prompt.size + len(self.text)


def parse_prompt_row(value: Any) -> PromptRow:
    """Raises Invalid, naming the field."""
    row = fields.check_known(value, PROMPT_FIELDS)
    given, kind = row.get("completions"), _kind(row.get("kind"))
    if given is None and kind in (TaskKind.COMPARE, TaskKind.THUMBS):
        given = []  # which are too few
    return PromptRow(
        parse_messages(fields.take(row, "prompt")),
        () if given is None else parse_answers(given, kind),
        fields.metadata(row.get("metadata")),
        kind,
    )


def _kind(value: Any) -> str:
    if value is None:
        return TaskKind.RANK
    if value not in TaskKind.values:
        raise Invalid(
            gettext_noop("kind: %(value)s is none of %(known)s."),
            value=fields.shown(value),
            known=", ".join(TaskKind.values),
        )
    return str(value)


def check_place(row: dict[str, Any], prompt: PromptRow) -> None:
    """Raises Invalid when the row puts its prompt into another split or group than the one that
    its content puts it in."""
    for name, place in (("split", prompt.split), ("prompt_group_id", prompt.group)):
        said = row.get(name)
        if said is not None and said != place:
            raise Invalid(
                gettext_noop(
                    "%(name)s: %(value)s, but by its content this prompt belongs to %(place)s. "
                    "Leave the field out."
                ),
                name=name,
                value=fields.shown(said),
                place=place,
            )


def parse_answers(value: Any, kind: str = TaskKind.RANK) -> tuple[Answer, ...]:
    if not isinstance(value, list):
        raise Invalid(gettext_noop("completions: must be a list."))
    check_k(kind, len(value))
    return tuple(_answer(n, each) for n, each in enumerate(value, 1))


def _answer(number: int, value: Any) -> Answer:
    """A text, or an object that says whose it is. Raises Invalid."""
    name = _numbered(number)
    if isinstance(value, str):
        return Answer(check_completion(name, value), "")
    if not isinstance(value, dict) or not {"text"} <= value.keys() <= {"text", "model"}:
        raise Invalid(
            gettext_noop("%(name)s must have a text and may have a model, nothing else."), name=name
        )
    model = fields.name(_model_of(number), value.get("model"))
    return Answer(check_completion(name, value["text"]), model)


@lru_cache
def _numbered(number: int) -> Sentence:
    return Sentence(NUMBERED, {"n": number})


@lru_cache
def _model_of(number: int) -> Sentence:
    return Sentence(ITS_MODEL, {"name": _numbered(number)})

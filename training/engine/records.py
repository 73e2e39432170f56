"""What a researcher's file holds: JSON lines of rankings, pairs, thumbs, demonstrations, prompts.

Plain Python. The forms are those of docs/training.md; fields that nothing here reads are passed
over.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from training.engine.dialogues import (
    BadRecord,
    Messages,
    messages_of,
    prompt_of,
    reply_of,
    shown,
    split_messages,
    split_text,
    text_of,
)
from training.engine.errors import EngineError

Judged = Literal["ranking", "thumb", "demonstration", "prompt"]


@dataclass(frozen=True)
class Record:
    """One line of a file: a prompt, and what was said to it and of it."""

    key: str  # where it stands: "line 7"
    kind: Judged
    messages: Messages
    completions: tuple[str, ...] = ()
    ranks: tuple[int, ...] = ()  # competition ranks, 1 the best; a thumb: 1 up, 2 down
    strengths: tuple[float, ...] = ()  # of each boundary between tiers, from the best down
    sources: tuple[str, ...] = ()  # who wrote each completion, or ""
    annotator: str = ""
    group: str = ""  # prompts alike share it; else each prompt is its own
    split: str = ""  # train, validation or test, where the file says

    @property
    def best(self) -> tuple[str, ...]:
        """What can be learned by heart: a demonstration, or what nothing was preferred to."""
        if self.kind == "demonstration":
            return self.completions
        if self.kind == "prompt" or (len(set(self.ranks)) < 2 and self.kind == "ranking"):
            return ()
        return tuple(
            text for text, rank in zip(self.completions, self.ranks, strict=True) if rank == 1
        )


@dataclass(frozen=True)
class DataFile:
    """A file that was read whole."""

    path: Path
    sha256: str
    records: list[Record]


def read_records(path: Path) -> DataFile:
    """Read a file; raises EngineError, naming the line and the field, and when there is none."""
    try:
        data = path.read_bytes()
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror or error}") from None
    records = []
    for number, line in enumerate(data.splitlines(), start=1):
        if line.strip():
            try:
                records.append(parse_record(_decode(line), f"line {number}"))
            except BadRecord as error:
                raise EngineError(f"{path}, line {number}: {error}") from None
    if not records:
        raise EngineError(f"{path} holds no line")
    return DataFile(path, hashlib.sha256(data).hexdigest(), records)


def check_unseen(data: DataFile, judging: DataFile | None = None) -> None:
    """Raise EngineError, naming both lines, where what is to judge has a prompt that is learned.

    A prompt's group counts, or the prompt itself where it has none.
    """
    learned = {_topic(each): each for each in data.records if each.split in ("", "train")}
    inside = [each for each in data.records if each.split == "validation"]
    lines = [(data.path, each) for each in inside]
    if judging is not None:
        lines += [(judging.path, each) for each in judging.records]
    for path, record in lines:
        if seen := learned.get(_topic(record)):
            raise EngineError(
                f"{path}, {record.key}: its prompt is learned from as well ({data.path}, "
                f"{seen.key}): what was seen cannot judge; leave it out of one of them"
            )


def _topic(record: Record) -> str:
    return record.group or json.dumps(record.messages)


def parse_record(row: Any, key: str) -> Record:
    """Return what a line says. Raises BadRecord."""
    if not isinstance(row, dict):
        raise BadRecord("it must hold a JSON object")
    about: dict[str, Any] = {
        "key": key,
        "annotator": _name(row, "annotator"),
        "group": _name(row, "prompt_group_id"),
        "split": _split(row),
    }
    if "revision" in row:
        return _revision(row, about)
    if "ranks" in row:
        return _ranking(row, about)
    if "chosen" in row or "rejected" in row:
        return _pair(row, about)
    if "label" in row:
        return _thumb(row, about)
    if "completion" in row or "messages" in row:
        return _demonstration(row, about)
    return Record(kind="prompt", messages=prompt_of(_take(row, "prompt")), **about)


def _decode(line: bytes) -> Any:
    try:
        return json.loads(line.decode("utf-8"), parse_constant=_refuse_constant)
    except UnicodeDecodeError:
        raise BadRecord("it is not UTF-8") from None
    except json.JSONDecodeError as error:
        raise BadRecord(f"it is not JSON: {error.msg} at column {error.colno}") from None
    except RecursionError:
        raise BadRecord("it is nested too deeply") from None


def _refuse_constant(name: str) -> Any:
    raise BadRecord(f"it is not JSON: {name} is no number")


def _ranking(row: dict[str, Any], about: dict[str, Any]) -> Record:
    given = _take(row, "completions")
    if not isinstance(given, list) or not 2 <= len(given) <= 9:
        raise BadRecord("completions: must be a list of two to nine")
    pairs = [_completion(f"completions[{place}]", each) for place, each in enumerate(given)]
    ranks = row["ranks"]
    if not isinstance(ranks, list) or len(ranks) != len(given):
        raise BadRecord(f"ranks: must be a list of {len(given)}, one for each completion")
    if any(type(rank) is not int for rank in ranks) or ranks != [
        1 + sum(other < rank for other in ranks) for rank in ranks
    ]:
        raise BadRecord("ranks: 1 is the best, and tied ones share a rank: [1, 2, 2, 4]")
    return Record(
        kind="ranking",
        messages=prompt_of(_take(row, "prompt")),
        completions=tuple(text for text, _ in pairs),
        ranks=tuple(ranks),
        strengths=_strengths(row.get("strengths"), len(set(ranks)) - 1),
        sources=tuple(source for _, source in pairs),
        **about,
    )


def _pair(row: dict[str, Any], about: dict[str, Any]) -> Record:
    chosen, rejected = _take(row, "chosen"), _take(row, "rejected")
    if row.get("prompt") is not None:
        messages = prompt_of(row["prompt"])
        texts = (reply_of("chosen", chosen), reply_of("rejected", rejected))
    elif isinstance(chosen, str) and isinstance(rejected, str):
        messages, *both = split_text(chosen, rejected)
        texts = (both[0], both[1])
    else:
        messages, *both = split_messages(chosen, rejected)
        texts = (both[0], both[1])
    strength = row.get("strength")
    return Record(
        kind="ranking",
        messages=messages,
        completions=(text_of("chosen", texts[0]), text_of("rejected", texts[1])),
        ranks=(1, 2),
        strengths=() if strength is None else _strengths([strength], 1),
        sources=(_name(row, "chosen_model"), _name(row, "rejected_model")),
        **about,
    )


def _thumb(row: dict[str, Any], about: dict[str, Any]) -> Record:
    if type(row["label"]) is not bool:
        raise BadRecord("label: must be true, for good, or false")
    text, source = _completion("completion", _take(row, "completion"))
    return Record(
        kind="thumb", messages=prompt_of(_take(row, "prompt")), completions=(text,),
        ranks=(1 if row["label"] else 2,), sources=(source,), **about,
    )  # fmt: skip


def _demonstration(row: dict[str, Any], about: dict[str, Any]) -> Record:
    if "messages" in row:
        messages = messages_of("messages", row["messages"])
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            raise BadRecord("messages: must end with what the assistant said to a prompt")
        messages, text = messages[:-1], text_of("messages", messages[-1]["content"])
    else:
        messages = prompt_of(_take(row, "prompt"))
        text, _ = _completion("completion", _take(row, "completion"))
    return Record(
        kind="demonstration", messages=messages, completions=(text,), sources=("",), **about
    )


def _revision(row: dict[str, Any], about: dict[str, Any]) -> Record:
    """A completion that was criticised and then rewritten: what is imitated is the revision.

    The critique-revision pairs of Bai et al. 2022 (constitutional AI, section 3). What was said
    before has to be there, so that a file of another form is not taken for one of these.
    """
    for name in ("completion", "critique"):
        _completion(name, _take(row, name))
    text, source = _completion("revision", _take(row, "revision"))
    return Record(
        kind="demonstration", messages=prompt_of(_take(row, "prompt")), completions=(text,),
        sources=(source,), **about,
    )  # fmt: skip


def _completion(name: str, value: Any) -> tuple[str, str]:
    """Return the text of a completion and who wrote it, or ""."""
    if isinstance(value, dict):
        return text_of(name, value.get("text", value.get("content"))), _name(value, "model")
    return text_of(name, reply_of(name, value)), ""


def _strengths(value: Any, boundaries: int) -> tuple[float, ...]:
    if value is None or value == []:
        return ()
    if not isinstance(value, list) or len(value) != boundaries:
        raise BadRecord(f"strengths: must be a list of {boundaries}, one between each two tiers")
    if not all(type(each) in (int, float) and 0 <= each < 1e6 for each in value):
        raise BadRecord("strengths: must be numbers that are not negative")
    return tuple(map(float, value))


def _take(row: dict[str, Any], name: str) -> Any:
    if row.get(name) is None:
        raise BadRecord(f"{name}: it is missing")
    return row[name]


def _name(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _split(row: dict[str, Any]) -> str:
    split = _name(row, "split")
    if split not in ("", "train", "validation", "test"):
        raise BadRecord(f"split: {shown(split)} is none of train, validation, test")
    return split


def prompts_of(records: list[Record]) -> Iterator[Record]:
    """Yield the first record of each prompt."""
    seen: set[str] = set()
    for record in records:
        name = json.dumps(record.messages, sort_keys=True)
        if name not in seen:
            seen.add(name)
            yield record

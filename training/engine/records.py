"""What a researcher's file holds: JSON lines of rankings, pairs, thumbs, demonstrations, prompts.

Plain Python. The forms are those of docs/training.md; fields that nothing here reads are passed
over.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from training.engine.errors import EngineError

Messages = list[dict[str, str]]
Judged = Literal["ranking", "thumb", "demonstration", "prompt"]
ROLES = {"Human": "user", "Assistant": "assistant"}
TURN = re.compile(r"(?:\A\s*|\n\n)(Human|Assistant):")
REPLY = "\n\nAssistant:"
SHOWN = 60  # characters of a value that an error quotes


class BadRecord(ValueError):
    """A line does not say what it should; the message names the field."""


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
    if "ranks" in row:
        return _ranking(row, about)
    if "chosen" in row or "rejected" in row:
        return _pair(row, about)
    if "label" in row:
        return _thumb(row, about)
    if "completion" in row or "messages" in row:
        return _demonstration(row, about)
    return Record(kind="prompt", messages=_prompt(_take(row, "prompt")), **about)


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
        messages=_prompt(_take(row, "prompt")),
        completions=tuple(text for text, _ in pairs),
        ranks=tuple(ranks),
        strengths=_strengths(row.get("strengths"), len(set(ranks)) - 1),
        sources=tuple(source for _, source in pairs),
        **about,
    )


def _pair(row: dict[str, Any], about: dict[str, Any]) -> Record:
    chosen, rejected = _take(row, "chosen"), _take(row, "rejected")
    if row.get("prompt") is not None:
        messages = _prompt(row["prompt"])
        texts = (_reply("chosen", chosen), _reply("rejected", rejected))
    elif isinstance(chosen, str) and isinstance(rejected, str):
        messages, *both = _split_text(chosen, rejected)
        texts = (both[0], both[1])
    else:
        messages, *both = _split_messages(chosen, rejected)
        texts = (both[0], both[1])
    strength = row.get("strength")
    return Record(
        kind="ranking",
        messages=messages,
        completions=(_text("chosen", texts[0]), _text("rejected", texts[1])),
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
        kind="thumb", messages=_prompt(_take(row, "prompt")), completions=(text,),
        ranks=(1 if row["label"] else 2,), sources=(source,), **about,
    )  # fmt: skip


def _demonstration(row: dict[str, Any], about: dict[str, Any]) -> Record:
    if "messages" in row:
        messages = _messages("messages", row["messages"])
        if len(messages) < 2 or messages[-1]["role"] != "assistant":
            raise BadRecord("messages: must end with what the assistant said to a prompt")
        messages, text = messages[:-1], _text("messages", messages[-1]["content"])
    else:
        messages = _prompt(_take(row, "prompt"))
        text, _ = _completion("completion", _take(row, "completion"))
    return Record(
        kind="demonstration", messages=messages, completions=(text,), sources=("",), **about
    )


def _prompt(value: Any) -> Messages:
    if isinstance(value, str):
        return [{"role": "user", "content": _text("prompt", value)}]
    return _messages("prompt", value)


def _messages(name: str, value: Any) -> Messages:
    if not isinstance(value, list) or not value:
        raise BadRecord(f"{name}: must be a text or a list of messages")
    for message in value:
        if not isinstance(message, dict) or not {"role", "content"} <= message.keys():
            raise BadRecord(f"{name}: a message must have a role and a content")
        if message["role"] not in ("system", "user", "assistant"):
            raise BadRecord(f"{name}: {_shown(message['role'])} is no role of a message")
        _text(name, message["content"])
    return [{"role": each["role"], "content": each["content"]} for each in value]


def _completion(name: str, value: Any) -> tuple[str, str]:
    """Return the text of a completion and who wrote it, or ""."""
    if isinstance(value, dict):
        return _text(name, value.get("text", value.get("content"))), _name(value, "model")
    return _text(name, _reply(name, value)), ""


def _reply(name: str, value: Any) -> Any:
    """Return a text, or what the one message that it is has for one."""
    if not isinstance(value, list):
        return value
    messages = _messages(name, value)
    if len(messages) != 1 or messages[0]["role"] != "assistant":
        raise BadRecord(f"{name}: must be a text or one message of the assistant")
    return messages[0]["content"]


def _split_messages(chosen: Any, rejected: Any) -> tuple[Messages, str, str]:
    one, two = _messages("chosen", chosen), _messages("rejected", rejected)
    if len(one) < 2 or one[:-1] != two[:-1]:
        raise BadRecord("rejected: must be the same dialogue as chosen up to the last message")
    return one[:-1], _reply("chosen", one[-1:]), _reply("rejected", two[-1:])


def _split_text(chosen: str, rejected: str) -> tuple[Messages, str, str]:
    """Split Anthropic's HH form where the last reply begins that both dialogues come to."""
    alike = next(
        (place for place, (a, b) in enumerate(zip(chosen, rejected, strict=False)) if a != b),
        min(len(chosen), len(rejected)),
    )
    reply = chosen.rfind(REPLY, 0, alike)
    if reply < 0:
        raise BadRecord(
            'chosen, rejected: without a prompt they must be whole dialogues, "\\n\\nHuman: … '
            '\\n\\nAssistant: …", that begin alike'
        )
    start = reply + len(REPLY)
    ends = (text[start:].removeprefix(" ") for text in (chosen, rejected))
    return _turns(chosen[:reply]), next(ends), next(ends)


def _turns(dialogue: str) -> Messages:
    marks = list(TURN.finditer(dialogue))
    if not marks or marks[0].start() != 0:
        raise BadRecord('chosen: a dialogue must begin with "Human:" or "Assistant:"')
    ends = [mark.start() for mark in marks[1:]] + [len(dialogue)]
    return [
        {"role": ROLES[mark[1]], "content": dialogue[mark.end() : end].removeprefix(" ")}
        for mark, end in zip(marks, ends, strict=True)
    ]


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


def _text(name: str, value: Any) -> str:
    if not isinstance(value, str):
        raise BadRecord(f"{name}: {_shown(value)} is no text")
    if not value.strip():
        raise BadRecord(f"{name}: it is empty")
    if any("\ud800" <= letter <= "\udfff" for letter in value):
        raise BadRecord(f"{name}: it holds half of a surrogate pair")
    return value


def _name(row: dict[str, Any], name: str) -> str:
    value = row.get(name)
    return "" if value is None else str(value)


def _split(row: dict[str, Any]) -> str:
    split = _name(row, "split")
    if split not in ("", "train", "validation", "test"):
        raise BadRecord(f"split: {_shown(split)} is none of train, validation, test")
    return split


def _shown(value: Any) -> str:
    text = repr(value)
    return text if len(text) <= SHOWN else f"{text[: SHOWN - 1]}…"


def prompts_of(records: list[Record]) -> Iterator[Record]:
    """Yield the first record of each prompt."""
    seen: set[str] = set()
    for record in records:
        name = json.dumps(record.messages, sort_keys=True)
        if name not in seen:
            seen.add(name)
            yield record

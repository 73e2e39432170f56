"""What an upload's columns are, and the first rows as they would come in."""

import json
from collections.abc import Iterator
from contextlib import closing
from itertools import islice
from typing import Any

from annotation.content import check_storable
from annotation.errors import Invalid
from annotation.importing.fields import MAX_NAME
from annotation.importing.files import RowFile
from annotation.importing.kinds import Intake
from annotation.importing.rows import PromptRow, RankingRow

LOOKED_AT = 50  # rows
SHOWN_ROWS = 5
SHOWN_TEXT = 400
SHOWN_CELL = 80
MAX_COLUMNS = 200
JUDGED = ("annotator", "guideline", "comment", "seconds", "verdict")


def columns_of(file: RowFile) -> list[dict[str, str]]:
    """Name and first cell of each column that the first rows have."""
    found: dict[str, str] = {}
    for line in islice(file.lines(), LOOKED_AT):
        for name, cell in line.value.items() if isinstance(line.value, dict) else ():
            if len(found) < MAX_COLUMNS and _fits(name) and not found.get(name):
                found[name] = _cell(cell)
    return [{"name": name, "first": cell} for name, cell in found.items()]


def _fits(name: Any) -> bool:
    try:
        check_storable("", name)
    except Invalid:
        return False
    return 0 < len(name) <= MAX_NAME


def _cell(cell: Any) -> str:
    """On one line, of characters that any database holds."""
    text = cell if isinstance(cell, str) else json.dumps(cell, ensure_ascii=False, default=repr)
    text = text[: SHOWN_CELL + 1].encode(errors="replace").decode().replace("\x00", "\ufffd")
    return text if len(text) <= SHOWN_CELL else f"{text[: SHOWN_CELL - 1]}…"


def sample(file: RowFile, intake: Intake) -> list[dict[str, Any]]:
    """The first good ones of the first rows."""
    with closing(intake):
        return list(islice(_good(file, intake), SHOWN_ROWS))


def _good(file: RowFile, intake: Intake) -> Iterator[dict[str, Any]]:
    for line in islice(file.lines(), LOOKED_AT):
        try:
            row = intake.read(file, line)
        except Invalid:
            continue
        told = _ranking(row) if isinstance(row, RankingRow) else _prompt(row)
        yield {"line": line.number, **told}


def _prompt(row: PromptRow) -> dict[str, Any]:
    about = [["kind", row.kind]] if row.asks else []
    if row.metadata:
        about.append(["metadata", _short(json.dumps(row.metadata, ensure_ascii=False))])
    return {
        "messages": [
            {"role": each["role"], "content": _short(each["content"])} for each in row.messages[:4]
        ],
        "answers": [{"text": _short(answer.text), "model": answer.model} for answer in row.answers],
        "about": about,
    }


def _ranking(row: RankingRow) -> dict[str, Any]:
    told = _prompt(row.prompt)
    for answer, rank, bad in zip(told["answers"], row.ranks, row.unacceptable, strict=True):
        answer |= {"rank": rank, "unacceptable": bad}
    told["answers"].sort(key=lambda answer: answer.get("rank", 0))
    if row.text:
        told["answers"].append({"text": _short(row.text), "model": "", "written": True})
    said = [[name, str(getattr(row, name))] for name in JUDGED if getattr(row, name)]
    kind = [["kind", row.kind]]
    others = [each for each in told["about"] if each[0] != "kind"]
    told["about"] = [*kind, *([name, _short(value)] for name, value in said), *others]
    return told


def _short(text: str) -> str:
    return text if len(text) <= SHOWN_TEXT else f"{text[: SHOWN_TEXT - 1]}…"

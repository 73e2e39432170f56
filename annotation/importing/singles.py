"""Rows about one answer alone: a verdict on it (``label``), or the answer as a demonstration."""

from typing import Any

from annotation.content import check_completion, parse_messages
from annotation.errors import Invalid
from annotation.importing import fields
from annotation.importing.comparisons import reply_text
from annotation.importing.rows import Answer, PromptRow, RankingRow, check_place
from annotation.models import TaskKind, Thumb

SINGLE_FIELDS = fields.ABOUT | {"prompt", "completion", "label", "model"}


def parse_single_row(value: Any) -> RankingRow:
    """Raises Invalid, naming the field."""
    row = fields.check_known(value, SINGLE_FIELDS)
    messages = parse_messages(fields.take(row, "prompt"))
    text = check_completion("completion", reply_text("completion", fields.take(row, "completion")))
    metadata = fields.metadata(row.get("metadata"))
    judged: dict[str, Any]
    label, model = row.get("label"), fields.name("model", row.get("model"))
    if label is None:
        if not text:
            raise Invalid("completion: a demonstration that is empty. Leave the line out.")
        if model:
            raise Invalid("model: people write demonstrations. Leave the field out, or add label.")
        prompt = PromptRow(messages, (), metadata)
        judged = {"kind": TaskKind.WRITE, "text": text}
    else:
        if not isinstance(label, bool):
            raise Invalid("label: must be true (good) or false (bad).")
        prompt = PromptRow(messages, (Answer(text, model),), metadata)
        verdict = Thumb.Verdict.GOOD if label else Thumb.Verdict.BAD
        judged = {"kind": TaskKind.THUMBS, "verdict": verdict}
    check_place(row, prompt)
    count = len(prompt.answers)
    return RankingRow(
        prompt,
        ranks=(1,) * count,
        unacceptable=(False,) * count,
        labels=((),) * count,
        shown=False,
        **judged,
        **fields.about(row),
    )

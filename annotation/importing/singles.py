"""Rows about one answer alone: a verdict on it (``label``), the answer as a demonstration, or its
``critique`` and ``revision``, which is the demonstration then."""

from typing import Any

from django.utils.translation import gettext_noop

from annotation import answers
from annotation.content import check_completion, parse_messages
from annotation.errors import Invalid
from annotation.importing import fields
from annotation.importing.comparisons import reply_text
from annotation.importing.rows import Answer, PromptRow, RankingRow, check_place
from annotation.models import TaskKind, Thumb

SINGLE_FIELDS = fields.ABOUT | {"prompt", "completion", "label", "model", "critique", "revision"}


def parse_single_row(value: Any) -> RankingRow:
    """Raises Invalid, naming the field."""
    row = fields.check_known(value, SINGLE_FIELDS)
    messages = parse_messages(fields.take(row, "prompt"))
    text = check_completion("completion", reply_text("completion", fields.take(row, "completion")))
    given = Answer(text, fields.name("model", row.get("model")))
    if row.get("revision") is not None or row.get("critique") is not None:
        judged = _revised(row, given)
    elif row.get("label") is None:
        judged = _demonstrated(given)
    else:
        judged = _rated(row)
    shown = () if judged["kind"] == TaskKind.WRITE and "comment" not in judged else (given,)
    prompt = PromptRow(messages, shown, fields.metadata(row.get("metadata")))
    check_place(row, prompt)
    count = len(prompt.answers)
    return RankingRow(
        prompt,
        ranks=(1,) * count,
        unacceptable=(False,) * count,
        labels=((),) * count,
        **judged,
        **fields.about(row),
    )


def _demonstrated(given: Answer) -> dict[str, Any]:
    if not given.text:
        raise Invalid(
            gettext_noop("completion: a demonstration that is empty. Leave the line out.")
        )
    if given.model:
        raise Invalid(
            gettext_noop("model: people write demonstrations. Leave the field out, or add label.")
        )
    return {"kind": TaskKind.WRITE, "text": given.text}


def _rated(row: dict[str, Any]) -> dict[str, Any]:
    if not isinstance(row["label"], bool):
        raise Invalid(gettext_noop("label: must be true (good) or false (bad)."))
    verdict = Thumb.Verdict.GOOD if row["label"] else Thumb.Verdict.BAD
    return {"kind": TaskKind.THUMBS, "verdict": verdict}


def _revised(row: dict[str, Any], given: Answer) -> dict[str, Any]:
    """A given answer made better; the critique is what its writer says of it."""
    if row.get("label") is not None:
        raise Invalid(gettext_noop("label: a revision is no verdict. Leave one of the two out."))
    revision = reply_text("revision", fields.take(row, "revision"))
    body = {"text": revision, "comment": fields.take(row, "critique")}
    said = answers.parse(TaskKind.WRITE, body, {"1": given.text})
    return {"kind": TaskKind.WRITE, "text": said.text, "comment": said.comment}

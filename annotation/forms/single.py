"""Forms of tasks with one response at most: judge it, or write one."""

from typing import Any

from django import forms

from annotation.answers import MAX_TEXT
from annotation.forms.answers import AnswerForm, text_of
from annotation.models import Thumb


class ThumbsForm(AnswerForm):
    verdict = forms.ChoiceField(
        choices=[(Thumb.Verdict.GOOD, "Good"), (Thumb.Verdict.BAD, "Bad")],
        widget=forms.RadioSelect,
        label="Is this a good response?",
        error_messages={"required": "Say whether the response is good or bad."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["verdict"] = text_of(self.draft, "verdict")

    def body(self) -> dict[str, Any]:
        return {**super().body(), "verdict": self._said("verdict")}


class WriteForm(AnswerForm):
    text = forms.CharField(
        max_length=MAX_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 12}),
        label="Your response",
        error_messages={"required": "Write the response first."},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = self.shown[0].text if self.shown else ""
        self.initial["text"] = text_of(self.draft, "text") or given

    def body(self) -> dict[str, Any]:
        return {**super().body(), "text": self._said("text").replace("\r\n", "\n")}

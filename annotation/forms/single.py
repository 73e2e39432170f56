"""Forms of tasks with one response at most: judge it, or write one."""

from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from annotation.answers import MAX_TEXT
from annotation.forms.answers import AnswerForm, LongField, text_of
from annotation.models import Thumb
from annotation.writing import Written, look_at, unix_lines


class ThumbsForm(AnswerForm):
    verdict = forms.ChoiceField(
        choices=[
            (Thumb.Verdict.GOOD, gettext_lazy("Good")),
            (Thumb.Verdict.BAD, gettext_lazy("Bad")),
        ],
        widget=forms.RadioSelect,
        label=gettext_lazy("Is this a good response?"),
        error_messages={"required": gettext_lazy("Say whether the response is good or bad.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.initial["verdict"] = text_of(self.draft, "verdict")

    def body(self) -> dict[str, Any]:
        return {**super().body(), "verdict": self._said("verdict")}


class WriteForm(AnswerForm):
    """A response of one's own, or a given one made better, which begins as it was given."""

    text = LongField(
        max_length=MAX_TEXT,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 14}),
        label=gettext_lazy("Your response"),
        help_text=gettext_lazy("Markdown. The preview shows it as readers see it."),
        error_messages={"required": gettext_lazy("Write the response first.")},
    )

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        given = self.shown[0].text if self.shown else ""
        # Also a text that was emptied on purpose.
        self.initial["text"] = text_of(self.draft, "text") if "text" in self.draft else given

    @property
    def written(self) -> Written:
        text = str(self["text"].value() or "")
        return look_at(text, self.shown[0].text if self.shown else None)

    def body(self) -> dict[str, Any]:
        return {**super().body(), "text": unix_lines(self._said("text"))}

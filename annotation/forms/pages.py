"""Forms that are no answer to a task."""

from collections.abc import Mapping
from typing import Any

from django import forms

from annotation import guidelines
from annotation.models import Assignment
from annotation.queue import MAX_SKIP_COMMENT


class SkipForm(forms.Form):
    reason = forms.ChoiceField(
        choices=Assignment.SkipReason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose why you skip this task."},
    )
    comment = forms.CharField(
        required=False,
        max_length=MAX_SKIP_COMMENT,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Anything to add?",
    )

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="skip")


class GuidelineForm(forms.Form):
    body = forms.CharField(
        max_length=guidelines.MAX_CHARACTERS,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 18}),
        label="Text of the new version",
        help_text="Markdown. It is in force as soon as you publish it.",
        error_messages={"required": "Write what annotators are to look for."},
    )

    def text(self) -> str:
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")


class ReadForm(forms.Form):
    """That the person has read a version of the guideline."""

    version = forms.IntegerField(widget=forms.HiddenInput)

"""Forms that are no answer to a task."""

from collections.abc import Mapping
from typing import Any

from django import forms

from annotation import guidelines, problems
from annotation.models import Assignment, ProblemReport
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


class ReportForm(forms.Form):
    reason = forms.ChoiceField(
        choices=ProblemReport.Reason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": "Choose what is wrong."},
    )
    comment = forms.CharField(
        required=False,
        max_length=problems.MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 3}),
        label="In a few words",
        help_text="Seen by the project's managers.",
    )

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="report")


class ResolveForm(forms.Form):
    note = forms.CharField(
        max_length=problems.MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="What was done",
        error_messages={"required": "Say in a few words what was done."},
    )
    withdraw = forms.BooleanField(required=False, label="Take the task out of the queue")


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

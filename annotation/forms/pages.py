"""Forms that are no answer to a task."""

from collections.abc import Mapping
from typing import Any

from django import forms
from django.utils.translation import gettext_lazy

from annotation import dialogues, guidelines, problems
from annotation.forms.answers import LongField
from annotation.forms.quiz import QuestionsField, offer
from annotation.leases import MAX_SKIP_COMMENT
from annotation.models import Assignment, ProblemReport, Project


class SkipForm(forms.Form):
    reason = forms.ChoiceField(
        choices=Assignment.SkipReason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose why you skip this task.")},
    )
    comment = forms.CharField(
        required=False,
        max_length=MAX_SKIP_COMMENT,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=gettext_lazy("Anything to add?"),
    )

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="skip")


class ReportForm(forms.Form):
    reason = forms.ChoiceField(
        choices=ProblemReport.Reason.choices,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Choose what is wrong.")},
    )
    comment = forms.CharField(
        required=False,
        max_length=problems.MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 3}),
        label=gettext_lazy("In a few words"),
        help_text=gettext_lazy("Seen by the project's managers."),
    )

    def __init__(self, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data, prefix="report")


class ResolveForm(forms.Form):
    note = forms.CharField(
        max_length=problems.MAX_COMMENT,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=gettext_lazy("What was done"),
        error_messages={"required": gettext_lazy("Say in a few words what was done.")},
    )
    withdraw = forms.BooleanField(
        required=False, label=gettext_lazy("Take the task out of the queue")
    )


class MessageForm(forms.Form):
    """A person's turn of a dialogue. ``number`` makes a second delivery harmless; ``chosen`` is the
    response that it goes on from, where several were the best."""

    message = LongField(
        max_length=dialogues.MAX_MESSAGE,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 5}),
        label=gettext_lazy("Your message"),
        error_messages={"required": gettext_lazy("Write something first.")},
    )
    number = forms.IntegerField(min_value=1, widget=forms.HiddenInput)
    chosen = forms.CharField(required=False, max_length=36, widget=forms.HiddenInput)


class GuidelineForm(forms.Form):
    body = forms.CharField(
        max_length=guidelines.MAX_CHARACTERS,
        strip=False,
        widget=forms.Textarea(attrs={"rows": 18}),
        label=gettext_lazy("Text of the new version"),
        help_text=gettext_lazy("Markdown. It is in force as soon as you publish it."),
        error_messages={"required": gettext_lazy("Write what annotators are to look for.")},
    )

    questions = QuestionsField(
        required=False,
        label=gettext_lazy("Ask before everybody’s next task"),
        help_text=gettext_lazy(
            "They must have all of them right. None chosen: they say that they have read it."
        ),
    )

    def __init__(self, project: Project, *args: Any, **more: Any) -> None:
        super().__init__(*args, **more)
        offer(self, project)

    def text(self) -> str:
        return str(self.cleaned_data["body"]).replace("\r\n", "\n")


class ReadForm(forms.Form):
    """That the person has read a version of the guideline."""

    version = forms.IntegerField(widget=forms.HiddenInput)

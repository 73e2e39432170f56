"""A project's settings, as its managers change them."""

from collections.abc import Callable
from typing import Any

from django import forms
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils.translation import gettext_lazy

from annotation.errors import Invalid
from annotation.identities import check_names
from annotation.models import Project
from annotation.models.projects import check_labels, check_traits
from annotation.projects import check_shares

PERCENT = [MinValueValidator(0), MaxValueValidator(100)]


class LinesField(forms.CharField):
    """Short texts, one a line, that ``check`` has nothing against."""

    def __init__(self, check: Callable[[Any], None], rows: int = 5, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": rows}), **kwargs)
        self.check = check

    def prepare_value(self, value: Any) -> Any:
        return "\n".join(value) if isinstance(value, list) else value

    def clean(self, value: Any) -> list[str]:
        lines = [line.strip() for line in super().clean(value).splitlines()]
        texts = [line for line in lines if line]
        self.check(texts)
        return texts


class TraitsField(forms.CharField):
    """Groups by name, one name a line: First language: English, German."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(required=False, widget=forms.Textarea(attrs={"rows": 3}), **kwargs)

    def prepare_value(self, value: Any) -> Any:
        if not isinstance(value, dict):
            return value
        return "\n".join(f"{name}: {', '.join(groups)}" for name, groups in value.items())

    def clean(self, value: Any) -> dict[str, list[str]]:
        traits = {}
        for line in filter(str.strip, super().clean(value).splitlines()):
            name, _, groups = line.partition(":")
            named = [group.strip() for group in groups.split(",")]
            traits[name.strip()] = [group for group in named if group]
        check_traits(traits)
        return traits


class ShareField(forms.FloatField):
    """A share, in percent on the page."""

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(validators=PERCENT, **kwargs)

    def prepare_value(self, value: Any) -> Any:
        return round(100 * value, 4) if isinstance(value, float) else value

    def clean(self, value: Any) -> float | None:
        said = super().clean(value)
        return None if said is None else float(said) / 100


class SettingsForm(forms.ModelForm):
    labels = LinesField(
        check_labels,
        label=gettext_lazy("Labels"),
        help_text=gettext_lazy(
            "What annotators may mark at each response, one a line, such as: factual error."
        ),
    )
    held_names = LinesField(
        check_names,
        label=gettext_lazy("Names of models and vendors"),
        rows=8,
        help_text=(
            gettext_lazy(
                "One a line. A new response that holds one as a whole word is held back, until you "
                "allow or refuse it under Problems."
            )
        ),
    )
    overlap_share = ShareField(
        label=gettext_lazy("Share of new tasks for several people, %"),
        help_text=gettext_lazy("Drawn at random. Agreement is measured on these."),
    )
    gold_share = ShareField(
        label=gettext_lazy("Share of gold tasks in each person's work, %"),
        help_text=gettext_lazy(
            "Tasks with a known answer, where the project has such. Nobody can tell which."
        ),
    )
    repeat_share = ShareField(
        label=gettext_lazy("Share of repeats in each person's work, %"),
        help_text=gettext_lazy(
            "What the person has answered before comes once more, in another order."
        ),
    )

    qualification_pass = ShareField(
        required=False,
        label=gettext_lazy("Pass mark for newcomers, %"),
        help_text=gettext_lazy(
            "Of a quiz, and of rankings with a known answer. Empty: they begin at once."
        ),
    )
    traits = TraitsField(
        label=gettext_lazy("What annotators may say of themselves"),
        help_text=gettext_lazy(
            "Optional, and only with their agreement. One a line, as: "
            "First language: English, German, another."
        ),
    )

    class Meta:
        model = Project
        fields = (
            *(
                "name",
                "description",
                "labels",
                "goal",
                "overlap",
                "overlap_share",
                "overlap_people",
            ),
            *("gold_share", "repeat_share", "completions_per_task", "keep_open"),
            *("lease_seconds", "rate_first", "converse", "held_names"),
            *("qualification_pass", "qualification_tries", "traits"),
        )
        widgets = {"description": forms.Textarea(attrs={"rows": 3})}
        labels = {
            "name": gettext_lazy("Name"),
            "description": gettext_lazy("Description"),
            "goal": gettext_lazy("Answers to collect"),
            "overlap": gettext_lazy("People for each new task"),
            "overlap_people": gettext_lazy("How many people for those"),
            "completions_per_task": gettext_lazy("Responses in each new task"),
            "keep_open": gettext_lazy("Open tasks to keep ready"),
            "rate_first": gettext_lazy(
                "Rate each response by itself, from 1 to 7, before ranking all"
            ),
            "converse": gettext_lazy(
                "Annotators may talk with the model, and rank what it replies at each turn"
            ),
            "qualification_tries": gettext_lazy("Tries for newcomers"),
            "lease_seconds": gettext_lazy("Seconds a task is held without a sign of life"),
        }
        help_texts = {
            "goal": gettext_lazy(
                "The project page foretells when it is reached. Empty: all that tasks ask for."
            ),
            "overlap": gettext_lazy("All new tasks, whatever the share beside this."),
            "overlap_people": gettext_lazy("At least."),
            "qualification_tries": gettext_lazy("Then a manager decides."),
            "completions_per_task": gettext_lazy(
                "From 2 to 9. New samples are drawn to this number."
            ),
            "description": gettext_lazy("Markdown. Annotators read it before they begin."),
        }

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or {}
        try:
            check_shares(said.get("gold_share", 0), said.get("repeat_share", 0))
        except Invalid as refusal:
            self.add_error("repeat_share", str(refusal))
        return said

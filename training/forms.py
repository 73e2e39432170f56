"""Forms of the models' side."""

from collections.abc import Mapping
from typing import Any

from django import forms

from annotation.errors import Invalid
from training.configuration import RoundSettings
from training.models import RoundPlan
from training.rounds import METHODS

MAX_REASON = 2000
TRAINING_FIELDS = ("beta", "learning_rate", "epochs")


class RoundForm(forms.Form):
    """What a round is told by hand. An empty field leaves the project's plan as it is."""

    method = forms.ChoiceField(
        choices=list(METHODS.items()), widget=forms.RadioSelect, label="Method", initial="dpo"
    )
    beta = forms.FloatField(
        required=False,
        min_value=0.001,
        max_value=10,
        label="Beta",
        help_text="How strongly the policy is held to the base model. Higher moves it less. "
        "ORPO and SimPO do not read it.",
    )
    learning_rate = forms.FloatField(
        required=False,
        min_value=0.0000001,
        max_value=0.01,
        label="Learning rate",
        help_text="How far each step goes. Too high, and the language breaks.",
    )
    epochs = forms.IntegerField(
        required=False,
        min_value=1,
        max_value=10,
        label="Epochs",
        help_text="How often the policy sees each ranking.",
    )
    queue_prompts = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=1000,
        label="New tasks",
        help_text="Prompts that the new policy answers for people to rank next.",
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, plan: RoundPlan | None = None
    ) -> None:
        super().__init__(data)
        self.planned: dict[str, Any] = plan.configuration if plan else {}
        for name, value in self._in_force().items():
            self.fields[name].widget.attrs["placeholder"] = f"{value:g}"

    def _in_force(self) -> dict[str, float]:
        """What holds for the fields that are left empty."""
        try:
            settings = RoundSettings.from_dict(self.planned)
        except Invalid:
            settings = RoundSettings()  # starting will say what is wrong with the plan
        return {
            "queue_prompts": settings.queue_prompts,
            **{name: getattr(settings.preference, name) for name in TRAINING_FIELDS},
        }

    def configuration(self) -> dict[str, Any]:
        """What differs from the plan; nested settings are whole, as ``rounds.start`` takes them."""
        said = {name: value for name, value in self.cleaned_data.items() if value is not None}
        section = "ppo" if said.get("method") == "ppo" else "preference"
        training = {name: said[name] for name in TRAINING_FIELDS if name in said}
        changes = {name: said[name] for name in ("queue_prompts",) if name in said}
        if training:
            changes[section] = {**self.planned.get(section, {}), **training}
        return changes


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Why?",
        error_messages={"required": "Say why, for those who look back."},
    )

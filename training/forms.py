"""Forms of the models' side."""

from typing import Any

from django import forms

from training.configuration import RoundSettings
from training.engine.config import PreferenceSettings
from training.models import RoundPlan
from training.rounds import METHODS

MAX_REASON = 2000


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
        help_text="How strongly the policy is held to the base model. Higher moves it less.",
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

    def __init__(self, *args: Any, plan: RoundPlan | None = None, **kwargs: Any) -> None:
        super().__init__(*args, label_suffix="", **kwargs)
        planned = RoundSettings.from_dict(plan.configuration if plan else {})
        self._describe(planned.preference, planned.queue_prompts)

    def _describe(self, preference: PreferenceSettings, queue_prompts: int) -> None:
        shown = {
            "beta": preference.beta,
            "learning_rate": preference.learning_rate,
            "epochs": preference.epochs,
            "queue_prompts": queue_prompts,
        }
        for name, value in shown.items():
            self.fields[name].widget.attrs.update({"placeholder": f"{value:g}", "step": "any"})

    def configuration(self) -> dict[str, Any]:
        """What differs from the plan."""
        said = {
            name: value
            for name, value in self.cleaned_data.items()
            if name != "method" and value is not None
        }
        queue = {name: said.pop(name) for name in ("queue_prompts",) if name in said}
        return {**queue, **({"preference": said} if said else {})}


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        label="Why?",
        error_messages={"required": "Say why, for those who look back."},
    )

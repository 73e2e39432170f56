"""Forms of the models' side."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import reduce
from typing import Any

from django import forms
from django.utils.text import format_lazy
from django.utils.translation import gettext, gettext_lazy

from annotation.errors import Invalid
from training.configuration import RoundSettings
from training.engine.settings import Explained
from training.methods import METHODS, Method
from training.models import RoundPlan
from training.rounds import with_fixed

MAX_REASON = 2000
# Beyond these nothing good has been seen; whoever knows better says it in the project's plan.
GREATEST = {"learning_rate": 0.01, "epochs": 10}


ALWAYS = ("reference", "queue_prompts")  # settings of a round by whatever method


@dataclass(frozen=True)
class MethodBlock:
    """One method as the page offers it."""

    method: Method
    option: forms.boundfield.BoundWidget  # its radio button
    fields: list[forms.BoundField]
    explained: list[tuple[str, str, Any]]  # every setting: name, sentence, what is in force

    @property
    def open(self) -> bool:
        """Whether something was said in it, or is wrong with it."""
        return any(each.errors or each.value() not in (None, "") for each in self.fields)


class RoundForm(forms.Form):
    """What a round is told by hand. An empty field leaves the project's plan as it is.

    Fields of a method are named after it: ``dpo-beta``. Those of others are not read.
    """

    method = forms.ChoiceField(
        choices=[
            (name, format_lazy("{}: {}", each.title, each.says)) for name, each in METHODS.items()
        ],
        widget=forms.RadioSelect,
        label=gettext_lazy("Method"),
    )
    reference = forms.IntegerField(
        required=False,
        min_value=0,
        label=gettext_lazy("Reference"),
        help_text=gettext_lazy(
            "Version of the policy that training is held to and KL is measured to: 0 is the base. "
            "After a round of SFT, name the policy that it made."
        ),
    )
    queue_prompts = forms.IntegerField(
        required=False,
        min_value=0,
        max_value=1000,
        label=gettext_lazy("New tasks"),
        help_text=gettext_lazy("Prompts that the new policy answers for people to rank next."),
    )

    def __init__(
        self, data: Mapping[str, Any] | None = None, *, plan: RoundPlan | None = None
    ) -> None:
        super().__init__(data, initial={"method": plan.method if plan else "dpo"})
        self.planned: dict[str, Any] = plan.configuration if plan else {}
        self.force = self._in_force()
        for method in METHODS.values():
            for each in method.main_fields():
                self.fields[_named(method, each)] = _field(each, self._value(method, each))
        for name in ALWAYS:
            self.fields[name].widget.attrs["placeholder"] = str(getattr(self.force, name))

    def _in_force(self) -> RoundSettings:
        """What holds where nothing is said."""
        try:
            return RoundSettings.from_dict(self.planned)
        except Invalid:
            return RoundSettings()  # starting will say what is wrong with the plan

    def _value(self, method: Method, each: Explained) -> Any:
        return reduce(getattr, each.path, getattr(self.force, method.section))

    def blocks(self) -> list[MethodBlock]:
        """The methods with their fields, in the order of the radio buttons."""
        return [
            MethodBlock(
                method,
                option,
                [self[_named(method, each)] for each in method.main_fields()],
                [
                    (_label(each), gettext(each.help), self._value(method, each))
                    for each in method.fields()
                ],
            )
            for method, option in zip(METHODS.values(), self["method"], strict=True)
        ]

    def clean(self) -> dict[str, Any]:
        """Let the engine judge what was said; its sentence stands at the field that it names."""
        if "method" in self.cleaned_data and not self.errors:
            method = METHODS[self.cleaned_data["method"]]
            try:
                RoundSettings.from_dict(
                    with_fixed({**self.planned, **self.configuration()}, method)
                )
            except Invalid as refusal:
                self._complain(method, str(refusal).removeprefix("configuration: "))
        return self.cleaned_data

    def _complain(self, method: Method, said: str) -> None:
        named = {each.path[-1]: _named(method, each) for each in method.main_fields()}
        self.add_error(
            named.get(said.split()[0].rpartition(".")[2]),
            f"{said.rstrip('.')}.",
        )

    def configuration(self) -> dict[str, Any]:
        """What differs from the plan; nested settings are whole, as ``rounds.start`` takes them."""
        method = METHODS[self.cleaned_data["method"]]
        said = {
            each.path: self.cleaned_data[_named(method, each)]
            for each in method.main_fields()
            if self.cleaned_data[_named(method, each)] not in (None, "")
        }
        changes: dict[str, Any] = {}
        if said:
            changes[method.section] = _over(self.planned.get(method.section, {}), said)
        whole = {name: self.cleaned_data[name] for name in ALWAYS}
        return changes | {name: value for name, value in whole.items() if value is not None}


def _named(method: Method, each: Explained) -> str:
    return f"{method.name}-{'-'.join(each.path)}"


def _label(each: Explained) -> str:
    words = " ".join(each.path).replace("_", " ")
    return words.replace("lora", "LoRA") if each.path[0] == "lora" else words.capitalize()


def _explained(each: Explained) -> str:
    said = gettext(each.help)
    return f"{said[0].upper()}{said[1:]}."


def _field(each: Explained, value: Any) -> forms.Field:
    """An optional field that shows what holds without it; the engine judges what is said."""
    about: dict[str, Any] = {
        "required": False,
        "label": _label(each),
        "help_text": _explained(each),
    }
    if each.choices:
        empty = [("", gettext("as it is: %(value)s") % {"value": value})]
        return forms.ChoiceField(
            choices=[*empty, *((name, name) for name in each.choices)], **about
        )
    most: Any = GREATEST.get(each.path[-1])
    kind = forms.IntegerField if each.kind is int else forms.FloatField
    made: forms.Field = kind(max_value=most, **about)
    made.widget.attrs["placeholder"] = f"{value:g}"
    return made


def _over(planned: Any, said: dict[tuple[str, ...], Any]) -> dict[str, Any]:
    """A section of the plan with what was said over it. A broken plan stays as it is."""
    if not isinstance(planned, dict):
        return planned  # type: ignore[no-any-return]
    whole = dict(planned)
    for (*outer, last), value in said.items():
        inner = whole
        for name in outer:
            inner[name] = dict(inner.get(name, {}))
            inner = inner[name]
        inner[last] = value
    return whole


class ReasonForm(forms.Form):
    reason = forms.CharField(
        max_length=MAX_REASON,
        widget=forms.Textarea(attrs={"rows": 2}),
        label=gettext_lazy("Why?"),
        error_messages={"required": gettext_lazy("Say why, for those who look back.")},
    )

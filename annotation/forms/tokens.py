"""What a new token is to be called, what it may be used for, and for how long."""

from django import forms
from django.utils.translation import gettext_lazy

from annotation.models import Scope

DAYS = [
    (7, gettext_lazy("7 days")),
    (30, gettext_lazy("30 days")),
    (90, gettext_lazy("90 days")),
    (365, gettext_lazy("a year")),
]


class TokenForm(forms.Form):
    name = forms.CharField(
        label=gettext_lazy("Name"),
        max_length=100,
        help_text=gettext_lazy("So that you know later which one this is: my laptop."),
    )
    scope = forms.ChoiceField(
        choices=Scope.choices,
        initial=Scope.READ.value,
        label=gettext_lazy("It may"),
        help_text=gettext_lazy(
            "No more than the program needs, and never more than you may do yourself."
        ),
    )
    days = forms.TypedChoiceField(
        choices=DAYS, coerce=int, initial=30, label=gettext_lazy("It is good for")
    )

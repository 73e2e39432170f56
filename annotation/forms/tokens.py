"""What a new token is to be called, what it may be used for, and for how long."""

from django import forms

from annotation.models import Scope

DAYS = [(7, "7 days"), (30, "30 days"), (90, "90 days"), (365, "a year")]


class TokenForm(forms.Form):
    name = forms.CharField(
        max_length=100, help_text="So that you know later which one this is: my laptop."
    )
    scope = forms.ChoiceField(
        choices=Scope.choices,
        initial=Scope.READ.value,
        label="It may",
        help_text="No more than the program needs, and never more than you may do yourself.",
    )
    days = forms.TypedChoiceField(choices=DAYS, coerce=int, initial=30, label="It is good for")

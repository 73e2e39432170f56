"""A form whose fields are said in an address."""

from typing import Any, ClassVar

from django import forms
from django.utils.translation import gettext


class AddressForm(forms.Form):
    """What it does not know is a fault: a misspelt filter would otherwise show everything, and look
    right. ``beside`` are names that the page itself reads of the address, or of what is sent."""

    beside: ClassVar[frozenset[str]] = frozenset()

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        for name in self.data:
            if name not in self.fields and name not in self.beside:
                self.add_error(
                    None, gettext("%(name)s: there is no such filter here.") % {"name": name[:100]}
                )
        return said

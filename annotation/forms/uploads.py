"""A file that is sent, and what its columns are."""

from collections import Counter
from collections.abc import Mapping
from typing import Any

from django import forms
from django.conf import settings
from django.utils.translation import gettext, gettext_lazy

from annotation.importing.kinds import INTAKES
from annotation.models import Import, Upload
from annotation.uploading.handlers import FIELD, ToDisk, too_large

KINDS = [
    (
        Import.Kind.PROMPTS.value,
        gettext_lazy("Prompts, with or without responses that people are to rank"),
    ),
    (
        Import.Kind.RANKINGS.value,
        gettext_lazy(
            "What was judged elsewhere: rankings, chosen and rejected, verdicts, demonstrations"
        ),
    ),
]


class UploadForm(forms.Form):
    kind = forms.ChoiceField(
        label=gettext_lazy("What is in it"),
        choices=KINDS,
        widget=forms.RadioSelect,
        error_messages={"required": gettext_lazy("Say what is in the file.")},
    )
    file = forms.FileField(
        label=gettext_lazy("File"),
        error_messages={
            "required": gettext_lazy("Choose a file."),
            "empty": gettext_lazy("The file is empty. Choose one with rows."),
        },
    )

    def __init__(self, handler: ToDisk, data: Any = None, sent: Any = None) -> None:
        super().__init__(data, sent)
        self._handler = handler
        self.fields[FIELD].help_text = gettext(
            "JSON lines, CSV or Parquet, or a zip of several, such as a Hugging Face data set, up "
            "to %(most)s MB. Save spreadsheets as CSV."
        ) % {"most": f"{settings.UPLOAD_MAX_BYTES // 2**20:,}"}
        self.fields[FIELD].widget.attrs |= {
            "accept": ".jsonl,.json,.csv,.parquet,.zip",
            "data-most": str(settings.UPLOAD_MAX_BYTES),
            "data-refusal": too_large(),
        }
        if self._handler.problem:
            self.fields[FIELD].error_messages["required"] = self._handler.problem


class FieldSelect(forms.Select):
    """Fields go by one name in every language; only the words for none are told."""

    def create_option(self, name: str, value: Any, *args: Any, **kwargs: Any) -> dict[str, Any]:
        option = super().create_option(name, value, *args, **kwargs)
        option["attrs"] |= {"lang": "en"} if value else {}
        return option


class ColumnsForm(forms.Form):
    """For each column, the field that it holds. Whoever sends it says all that is to be read."""

    def __init__(self, upload: Upload, data: Mapping[str, Any] | None = None) -> None:
        super().__init__(data)
        self.known = sorted(INTAKES[upload.kind].known)
        self.columns = (upload.found or {}).get("columns", [])
        held = {column: field for field, column in upload.columns.items()}
        for place, column in enumerate(self.columns):
            name = column["name"]
            own = name if name in self.known and name not in upload.columns else ""
            # Where nothing is mapped, a column is what it is called.
            self.fields[f"column-{place}"] = forms.ChoiceField(
                label=name,
                required=False,
                choices=[("", gettext("left out")), *((f, f) for f in self.known)],
                initial=held.get(name, own),
                widget=FieldSelect(attrs={"aria-labelledby": f"id_column-{place}-name"}),
            )

    def rows(self) -> list[tuple[dict[str, str], Any]]:
        """Each column with the field of the form that says what it is."""
        return [(column, self[f"column-{place}"]) for place, column in enumerate(self.columns)]

    def clean(self) -> dict[str, Any]:
        said: dict[str, Any] = super().clean() or self.cleaned_data
        chosen = Counter(field for field in said.values() if field)
        for field, times in chosen.items():
            if times > 1:
                raise forms.ValidationError(
                    gettext("%(count)s columns are taken for %(field)s. Choose one of them.")
                    % {"count": times, "field": field}
                )
        if not chosen:
            raise forms.ValidationError(gettext("Say of one column at least what it holds."))
        return said

    def mapping(self) -> dict[str, str]:
        """Column by field. One that is called what it holds needs no mention, unless it is all
        that says that the others are left out."""
        held = {
            self.cleaned_data[f"column-{place}"]: column["name"]
            for place, column in enumerate(self.columns)
            if self.cleaned_data.get(f"column-{place}")
        }
        renamed = {field: column for field, column in held.items() if field != column}
        if renamed or len(held) == len(self.columns):
            return renamed
        always = "prompt" if "prompt" in held else min(held)
        return {always: always}

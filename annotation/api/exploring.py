"""The filters of the explorer for lists of submissions."""

from typing import Any

from django.db.models import QuerySet
from django_filters import CharFilter, ChoiceFilter, FilterSet, IsoDateTimeFilter

from annotation.api.filters import IdFilter
from annotation.errors import Invalid
from annotation.exploring import Query, narrow
from annotation.forms.exploring import AGREEMENT
from annotation.models import Source, Split, Submission
from annotation.words import has_words

ASKED = ("words", "source", "split", "agreement", "snapshot", "since", "until")


def _asked(queryset: QuerySet[Submission], name: str, value: Any) -> QuerySet[Submission]:
    # All of them are looked at together, once each has been checked.
    return queryset


class ExplorerFilters(FilterSet):
    words = CharFilter(method=_asked, max_length=200, label="In the prompt or in a response.")
    source = CharFilter(method=_asked, max_length=200, label="The name of a model or a policy.")
    split = ChoiceFilter(method=_asked, choices=Split.choices)
    agreement = ChoiceFilter(method=_asked, choices=AGREEMENT[1:])
    snapshot = IdFilter(method=_asked)
    since = IsoDateTimeFilter(method=_asked)
    until = IsoDateTimeFilter(method=_asked, label="Up to, not with, this time.")

    def filter_queryset(self, queryset: QuerySet[Submission]) -> QuerySet[Submission]:
        """Raises Invalid for words without a letter, and a source that nobody knows."""
        found: QuerySet[Submission] = super().filter_queryset(queryset)
        said = {name: self.form.cleaned_data[name] for name in ASKED}
        said = {name: value for name, value in said.items() if value not in (None, "")}
        if not said:
            return found
        project = self.request.parser_context["view"].project
        if "words" in said and not has_words(said["words"]):
            raise Invalid("words: give a word, of letters or digits.")
        if "source" in said:
            known = Source.objects.filter(project=project, name=said["source"])
            said["source"] = known.values_list("pk", flat=True).first()
            if said["source"] is None:
                raise Invalid("source: nothing of this name has given a response here.")
        if "snapshot" in said:
            said["snapshot"] = int(said["snapshot"])
        return narrow(found, project, Query(**said))

"""Filters that are named one by one; what is not named is refused, not ignored."""

from typing import Any

from django.db.models import Model, QuerySet
from django_filters import NumberFilter
from django_filters.rest_framework import DjangoFilterBackend
from rest_framework.request import Request

from annotation.api.pagination import Pages
from annotation.errors import Invalid

MAX_ID = 2**63 - 1


class IdFilter(NumberFilter):
    """An id that the database can hold."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, min_value=0, max_value=MAX_ID, decimal_places=0, **options)


class ListedFilters(DjangoFilterBackend):
    """Applies the view's filters. Raises Invalid for any other parameter: a misspelt filter
    would otherwise give the whole list, and look right."""

    def filter_queryset(
        self, request: Request, queryset: QuerySet[Model], view: Any
    ) -> QuerySet[Model]:
        filters = self.get_filterset_class(view, queryset)
        known = {Pages.cursor_query_param, Pages.page_size_query_param}
        known |= set(filters.base_filters if filters else ())
        for name in request.query_params:
            if name not in known:
                raise Invalid(f"{name}: unknown filter. Known: {', '.join(sorted(known))}.")
        filtered: QuerySet[Model] = super().filter_queryset(request, queryset, view)
        return filtered

"""What is answered where no view does."""

from django.http import HttpRequest, HttpResponse, JsonResponse
from django.views.defaults import page_not_found

API = "/api/"


def not_found(request: HttpRequest, exception: Exception) -> HttpResponse:
    """A page for people, JSON for programs."""
    if not request.path_info.startswith(API):
        return page_not_found(request, exception)
    detail = "There is no such address. /api/v1/docs/ lists them all; each ends with a slash."
    return JsonResponse({"detail": detail, "code": "not_found"}, status=404)

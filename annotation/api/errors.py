"""Every refusal in one shape: ``{"detail": a sentence, "code": a word}``."""

from collections.abc import Iterator
from typing import Any

from django.core.exceptions import RequestDataTooBig
from django.http import Http404
from rest_framework import status
from rest_framework.exceptions import APIException, NotFound
from rest_framework.response import Response
from rest_framework.views import exception_handler

from annotation.errors import Busy, Refused

# What a program needs to know besides, by code.
FOR_PROGRAMS = {"quiz_owed": "A program reads and answers them at guidelines/quiz/."}


class TooLarge(APIException):
    status_code = status.HTTP_413_REQUEST_ENTITY_TOO_LARGE
    default_detail = "The body is too large. Send less at once."
    default_code = "too_large"


class LengthRequired(APIException):
    status_code = status.HTTP_411_LENGTH_REQUIRED
    default_detail = "The body came without its length. Send a Content-Length, not chunks."
    default_code = "length_required"


def handle(error: Exception, context: dict[str, Any]) -> Response | None:
    """The reply to a refusal; None, and so a 500, for what nobody foresaw."""
    if isinstance(error, Refused):
        detail = f"{error} {FOR_PROGRAMS.get(error.code, '')}".strip()
        headers = {"Retry-After": f"{error.seconds}"} if isinstance(error, Busy) else None
        return Response({"detail": detail, "code": error.code}, error.status, headers=headers)
    if isinstance(error, RequestDataTooBig):
        error = TooLarge()
    elif isinstance(error, Http404):
        error = NotFound("There is nothing of this name that you have a part in.")
    response = exception_handler(error, context)
    if response is not None and isinstance(error, APIException):
        code = error.get_codes()
        response.data = {
            "detail": " ".join(_sentences(error.detail)),
            "code": code if isinstance(code, str) else "invalid",
        }
    return response


def _sentences(detail: Any, place: str = "") -> Iterator[str]:
    """What is wrong, each with the field that it is about."""
    if isinstance(detail, dict):
        for name, inner in detail.items():
            here = place if name == "non_field_errors" else f"{place}.{name}" if place else name
            yield from _sentences(inner, here)
    elif isinstance(detail, list):
        for inner in detail:
            yield from _sentences(inner, place)
    else:
        yield f"{place}: {detail}" if place else str(detail)

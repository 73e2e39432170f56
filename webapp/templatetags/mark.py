"""Concord's sign, as part of every page."""

from base64 import b64encode
from functools import cache
from pathlib import Path

from django import template

register = template.Library()
SIGN = Path(__file__).parents[1] / "static/mark.svg"


@register.simple_tag
@cache
def mark() -> str:
    """The address of the sign, which holds it: a file costs a first visit two requests."""
    return f"data:image/svg+xml;base64,{b64encode(SIGN.read_bytes()).decode()}"

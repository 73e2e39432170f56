"""Template filters for whatever a person or a model wrote."""

from django import template
from django.utils.safestring import SafeString, mark_safe

from annotation.rendering import render, render_once, render_plain

register = template.Library()


@register.filter
def rendered(text: object) -> SafeString:
    """A text of its own: markdown."""
    return mark_safe(render(str(text)))  # noqa: S308 - the renderer's output is safe


@register.filter
def rendered_once(text: object) -> SafeString:
    """A text that is still being written."""
    return mark_safe(render_once(str(text)))  # noqa: S308 - the renderer's output is safe


@register.filter
def plain(text: object) -> SafeString:
    """A text within a line: a name, the beginning of a prompt."""
    return mark_safe(render_plain(str(text)))  # noqa: S308 - the renderer's output is safe

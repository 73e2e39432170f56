"""Template filters for whatever a person or a model wrote."""

from django import template
from django.utils import translation
from django.utils.safestring import SafeString, mark_safe

from annotation import telling
from annotation.rendering import render, render_once, render_plain

register = template.Library()
# Between them a text keeps its own direction, and leaves that of the line around it alone.
ISOLATE, ISOLATED = "\u2068", "\u2069"


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
    shown = render_plain(str(text))
    if shown and translation.get_language_bidi():
        shown = f"{ISOLATE}{shown}{ISOLATED}"
    return mark_safe(shown)  # noqa: S308 - the renderer's output is safe


@register.filter
def exact(text: object) -> SafeString:
    """The same within code, from where people copy it."""
    return mark_safe(render_plain(str(text)))  # noqa: S308 - the renderer's output is safe


@register.filter
def told(sentence: object) -> str:
    """A sentence or word of ours that was stored, in the reader's language."""
    return telling.told(str(sentence))

"""Template filters for whatever a person or a model wrote."""

import re
from collections.abc import Mapping
from typing import Any

from django import template
from django.conf import settings
from django.utils import translation
from django.utils.html import escape, format_html
from django.utils.safestring import SafeString, mark_safe

from annotation import telling
from annotation.rendering import render, render_once, render_plain

register = template.Library()
# Between them a text keeps its own direction, and leaves that of the line around it alone.
QUOTED = re.compile(r"%\((\w+)\)r")
ISOLATE, ISOLATED = "\u2068", "\u2069"
RIGHTWARDS = "\u2066"


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


@register.filter
def told_problem(problem: Mapping[str, Any]) -> SafeString:
    """What is wrong with rows of a file, in the reader's language where it is known how."""
    template = problem.get("template", "")
    known = translation.gettext(template) if template else ""
    if known == template and translation.get_language() != settings.LANGUAGE_CODE:
        return format_html('<span lang="en" dir="ltr">{}</span>', plain(problem["why"]))
    return _filled(known, problem["values"]) if template else plain(problem["why"])


def _filled(template: str, values: Mapping[str, Any]) -> SafeString:
    """A sentence of ours around words of others, which are shown as such."""
    if not values:
        return SafeString(escape(template))
    words = {name: _value(value) for name, value in values.items()}
    # What %r would write out are signs that only a page needs.
    return mark_safe(escape(QUOTED.sub(r"'%(\1)s'", template)) % words)  # noqa: S308 - both are safe


def _value(value: Any) -> SafeString:
    if isinstance(value, str):
        return plain(value) if any(map(str.isalpha, value)) else _rightwards(value)
    words = value["template"]
    return _filled(translation.gettext(words), value["values"])


def _rightwards(value: str) -> SafeString:
    """Signs and digits, which alone say nothing of their direction: it is that of the file."""
    shown = render_plain(value)
    if shown and translation.get_language_bidi():
        shown = f"{RIGHTWARDS}{shown}{ISOLATED}"
    return mark_safe(shown)  # noqa: S308 - the renderer's output is safe

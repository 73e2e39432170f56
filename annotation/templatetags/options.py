"""The options of a task's choices. There are dozens on a page, each the same for everybody but for
its name and whether it is chosen; a template takes ten times as long to write them."""

from collections.abc import Sequence
from functools import lru_cache

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import get_language, gettext

from annotation.forms.answers import Option
from annotation.forms.ranking import UNACCEPTABLE, UNPLACED

register = template.Library()


@register.simple_tag
def radios(name: str, options: Sequence[Option]) -> SafeString:
    """Small radio buttons in one row: places, or ratings."""
    language = get_language()
    faces = [_face(option.value, option.label, language) for option in options]
    return format_html_join(
        "",
        '<label class="place{}"{}><input type="radio" name="{}" value="{}"{}>'
        "<span>{}</span></label>",
        [
            (kind, title, name, option.value, " checked" if option.chosen else "", face)
            for option, (kind, title, face) in zip(options, faces, strict=True)
        ],
    )


@register.simple_tag
def listing(options: Sequence[Option]) -> SafeString:
    """What a list offers."""
    return format_html_join(
        "",
        '<option value="{}"{}>{}</option>',
        [(option.value, " selected" if option.chosen else "", option.label) for option in options],
    )


@lru_cache
def _face(value: str, label: str, language: str | None) -> tuple[str, SafeString | str, SafeString]:
    """Its class, its title and what it shows: a sign where words would not fit."""
    if value == UNPLACED:
        return " unplaced", _titled(label), _sign(gettext("Not placed"), "–")
    if value == UNACCEPTABLE:
        return " unacceptable", _titled(label), _sign(gettext("Unacceptable"), "✕")
    return "", "", format_html("{}", label)


def _titled(words: str) -> SafeString:
    return format_html(' title="{}"', words)


def _sign(words: str, sign: str) -> SafeString:
    return format_html(
        '<span class="unseen">{}</span><span aria-hidden="true">{}</span>', words, sign
    )

"""Sentences that are stored in English and read in the language of whoever looks at them.

What holds words of others, as a refusal of a row in a file does, is stored as the template and
what fills its places: a ``Sentence``.

A worker that measures, a judge of doubts or a round writes for readers whom it does not know. What
it writes is made from a template that ``storable`` has noted, so that ``told`` finds the template
again, and what was filled in, and says both in the reader's language.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any

from django.conf import settings
from django.utils.translation import get_language, gettext


@dataclass(frozen=True)
class Sentence:
    """Told in the language in force: ``template``, noted by ``gettext_noop``, with ``values`` in
    its places, which may be sentences or parts of one themselves."""

    template: str
    values: Mapping[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        return self._filled(gettext(self.template), str)

    @property
    def english(self) -> str:
        return self._filled(self.template, lambda part: part.english)

    def as_dict(self) -> dict[str, Any]:
        """As it is stored."""
        values = {
            name: value.as_dict() if isinstance(value, Sentence) else str(value)
            for name, value in self.values.items()
        }
        return {"template": self.template, "values": values}

    def _filled(self, template: str, say: Callable[["Sentence"], str]) -> str:
        if not self.values:
            return template
        return template % {
            name: say(value) if isinstance(value, Sentence) else value
            for name, value in self.values.items()
        }


PLACE = re.compile(r"%\((\w+)\)s")
_templates: list[str] = []


@cache
def _patterns() -> list[tuple[str, re.Pattern[str]]]:
    """Those with the most words of their own first: they fit the fewest sentences."""
    return [
        (template, _pattern(template))
        for template in sorted(set(_templates), key=lambda each: -len(PLACE.sub("", each)))
    ]


def storable(template: str) -> str:
    """Notes a template, whose places are written %(name)s, and gives it back."""
    _templates.append(template)
    _patterns.cache_clear()
    return template


def told(sentence: str) -> str:
    """A stored sentence, in the language in force. What no template made stays as it is."""
    if not sentence or get_language() == settings.LANGUAGE_CODE:
        return sentence
    found = _made_from(str(sentence))
    if found is None:
        return sentence
    template, filled = found
    words = {name: told(value) for name, value in filled.items()}
    return gettext(template) % words if words else gettext(template)


def _pattern(template: str) -> re.Pattern[str]:
    pieces = PLACE.split(template)
    if len(pieces) == 1:
        return re.compile(re.escape(template))
    texts = [re.escape(each.replace("%%", "%")) for each in pieces[::2]]
    places = [f"(?P<{name}>.+?)" for name in pieces[1::2]]
    woven = [each for pair in zip(texts, [*places, ""], strict=True) for each in pair]
    return re.compile("".join(woven), re.DOTALL)


def _made_from(sentence: str) -> tuple[str, dict[str, str]] | None:
    for template, pattern in _patterns():
        found = pattern.fullmatch(sentence)
        if found:
            return template, found.groupdict()
    return None


# Words of the database that pages show as they are.
ROLES = [
    storable("annotator"),
    storable("reviewer"),
    storable("manager"),
    storable("researcher"),
]
KINDS = [storable("human"), storable("ai"), storable("simulated"), storable("imported")]
SOURCES = [storable("policy"), storable("model"), storable("person")]
SPLITS = [storable("train"), storable("validation"), storable("test")]

"""TeX formulas → MathML, for the one renderer (``annotation.rendering``).

A library converts; nothing of what it writes is trusted. Its tree is built anew from an allow-list
of elements and attribute values. A formula of which a letter would vanish, that asks for anything
else (a link, a colour, a phantom), or that is too long or too deep, is no formula: it stays text.
"""

import re
import unicodedata
from collections import Counter
from dataclasses import dataclass
from functools import lru_cache
from html import escape, unescape
from xml.etree.ElementTree import Element

from latex2mathml.converter import convert_to_element

from annotation import hidden

MAX_FORMULA = 2000  # characters of one
MAX_IN_A_TEXT = 10_000  # characters of all in a text; what comes after stays text
MAX_DEPTH, MAX_ELEMENTS = 40, 3000
MAX_INLINE = 40  # characters drawn, beyond which a formula has a line of its own
# Reached and scrolled by keyboard where it is wider than the page.
SCROLLED = 'class="math" tabindex="0" role="group" aria-label="Formula"'

# What an element may hold: how many children; None for any number, or for text.
ELEMENTS: dict[str, int | None] = {
    **dict.fromkeys(("mrow", "mstyle", "msqrt", "mtable", "mtr", "mtd"), None),
    **dict.fromkeys(("mi", "mn", "mo", "mtext", "mspace"), None),
    **dict.fromkeys(("mfrac", "mroot", "msub", "msup", "munder", "mover"), 2),
    **dict.fromkeys(("msubsup", "munderover"), 3),
}
_BOOLEAN = frozenset({"true", "false"})
_SPACES = frozenset({"0.167em", "0.222em", "0.278em", "0.333em", "1em", "2em"})
_SIZES = frozenset({"1.2em", "1.623em", "2.047em", "2.470em"})
ATTRIBUTES: dict[str, frozenset[str]] = {
    **dict.fromkeys(("stretchy", "fence", "accent", "accentunder", "movablelimits"), _BOOLEAN),
    **dict.fromkeys(("symmetric", "separator", "displaystyle"), _BOOLEAN),
    "form": frozenset({"prefix", "infix", "postfix"}),
    "linethickness": frozenset({"0"}),
    "scriptlevel": frozenset("012"),
    "mathvariant": frozenset({"normal"}),
    "width": _SPACES,
    "linebreak": frozenset({"newline"}),
    **dict.fromkeys(("minsize", "maxsize"), _SIZES),
    "columnalign": frozenset({"left", "center", "right"}),
}
_DROPPED = frozenset({"linebreak", "columnalign"})  # harmless, and no browser draws them

_ALIGNED = re.compile(r"\\(begin|end)\{(?:aligned|align\*?|gather\*?|gathered|split)\}")
# In a source, what is no letter of the formula: commands, environments, column types.
_COMMANDS = re.compile(
    r"\\(?:begin|end)\{[a-z]+\*?\}(?:\{[lcr| ]+\})?|\\\\\[[\d.]+(?:pt|em|ex|mm)\]|\\[A-Za-z]+|\\."
)


@dataclass(frozen=True)
class Formula:
    """``drawn`` counts the letters and digits of its text, as they stand there."""

    html: str
    drawn: Counter[str]


class _NotAllowed(Exception):
    """The formula stays text."""


@lru_cache(maxsize=4096)
def formula(tex: str, display: bool) -> Formula | None:
    """The formula as safe HTML around MathML; None for what has to stay text."""
    if not tex.strip() or len(tex) > MAX_FORMULA or hidden.HIDDEN.search(tex):
        return None
    if not all(each.isprintable() or each == "\n" for each in tex):
        return None
    source = _ALIGNED.sub(r"\\\1{matrix}", tex)
    try:
        tree = convert_to_element(source, display="block" if display else "inline")
        builder = _Builder()
        inner = "".join(builder.build(child) for child in tree)
    except Exception:  # the library raises whatever comes to its mind
        return None
    text = "".join(builder.texts)
    if letters(_COMMANDS.sub(" ", source)) - letters(text):
        return None
    return Formula(_framed(inner, display, len(text)), Counter(filter(str.isalnum, text)))


def _framed(inner: str, display: bool, drawn: int) -> str:
    if display:
        return f'<span {SCROLLED}><math display="block">{inner}</math></span>'
    if drawn > MAX_INLINE:
        return f"<span {SCROLLED}><math>{inner}</math></span>"
    return f"<math>{inner}</math>"


def letters(text: str) -> Counter[str]:
    """How often each letter and digit stands there, whatever its style."""
    return Counter(filter(str.isalnum, unicodedata.normalize("NFKC", text)))


class _Builder:
    """Writes an element anew. Raises _NotAllowed."""

    def __init__(self) -> None:
        self.texts: list[str] = []
        self.count = 0

    def build(self, element: Element, depth: int = 0) -> str:
        self.count += 1
        name = "mrow" if element.tag == "menclose" else element.tag
        if name not in ELEMENTS or depth > MAX_DEPTH or self.count > MAX_ELEMENTS:
            raise _NotAllowed
        wanted = ELEMENTS[name]
        if wanted is not None and len(element) != wanted:
            raise _NotAllowed
        text = unescape(element.text or "")
        if "\\" in text or (text.strip() and len(element)) or hidden.HIDDEN.search(text):
            raise _NotAllowed
        if text == "&":  # the mark of a column, where there are none
            raise _NotAllowed
        self.texts.append(text)
        inner = "".join(self.build(child, depth + 1) for child in element)
        attributes = "" if element.tag == "menclose" else _attributes(element)
        return f"<{name}{attributes}>{escape(text)}{inner}</{name}>"


def _attributes(element: Element) -> str:
    kept = []
    for name, value in element.attrib.items():
        if value not in ATTRIBUTES.get(name, ()):
            raise _NotAllowed
        if name not in _DROPPED:
            kept.append(f' {name}="{value}"')
    return "".join(kept)

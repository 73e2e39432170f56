"""Markdown → safe HTML. The only way in which what a person or a model wrote reaches a page.

Two walls: the parser emits no HTML that was in the text, and an allow-list sanitiser reads its
output again. Nothing is fetched: an image becomes its words and its address. Nothing is hidden:
where a link leads is written beside it, characters that cannot be seen are named, and a text of
which the parser would drop a single letter is shown as it was written. Formulas become MathML
(``annotation.mathematics``). The stored text is never altered.
"""

import re
from collections import Counter
from collections.abc import Sequence
from functools import lru_cache
from html import escape, unescape
from typing import Any

import nh3
from django.utils.translation import get_language, gettext
from markdown_it import MarkdownIt
from markdown_it.token import Token

from annotation import hidden
from annotation.formulas import BLOCK, INLINE, use_formulas
from annotation.highlighting import CLASSES, highlighted
from annotation.mathematics import ATTRIBUTES, ELEMENTS, formula

FIRST_HEADING = 3  # a text stands below the title of its card, which is an h2
CACHED_CHARACTERS = 20_000
_ALLOWED = """
    a blockquote br code del div em h3 h4 h5 h6 hr li ol p pre s span strong
    table tbody td th thead tr ul
"""
TAGS = frozenset(_ALLOWED.split()) | {"math", *ELEMENTS}
# The source of a formula, and the letters that are drawn for it.
Drawn = tuple[str, Counter[str]]
ALIGNMENTS = {f"text-align:{side}": f"align-{side}" for side in ("left", "center", "right")}
TAG = re.compile(r'<[^>"]*(?:"[^"]*"[^>"]*)*>')
# Prose that markdown leaves as it is, but for paragraphs and lines: no sign that it could take for
# one of its own, none at the beginning of a line that makes it a list or a heading, no space there.
PROSE = re.compile(r"(?!\d+[.)])[A-Za-z0-9][A-Za-z0-9 ,.;:'\"?()%/-]*")
LIST_MARKS = re.compile(r"(?m)^(?:[ \t]|[>*+-]|\d{1,9}[.)](?=\s|$))+")

_cleaner = nh3.Cleaner(
    tags=set(TAGS),
    attributes={"a": {"href"}, "ol": {"start"}},
    tag_attribute_values={
        "math": {"display": {"block"}},
        **{name: {key: set(values) for key, values in ATTRIBUTES.items()} for name in ELEMENTS},
        "a": {"target": {"_blank"}},
        "div": {"tabindex": {"0"}, "role": {"group"}, "aria-label": {"Table"}},
        "span": {"tabindex": {"0"}, "role": {"group"}, "aria-label": {"Formula"}},
    },
    allowed_classes={
        "span": {"address", "language", "math", *CLASSES},
        "div": {"code", "table"},
        "td": set(ALIGNMENTS.values()),
        "th": set(ALIGNMENTS.values()),
    },
    url_schemes={"http", "https"},
    url_relative="deny",
    link_rel="noopener noreferrer nofollow",
)


def render(text: str) -> str:
    """Safe HTML of a markdown text."""
    if len(text) > CACHED_CHARACTERS:
        return _render(text)
    return _cached(text, get_language())


def render_once(text: str) -> str:
    """The same for a text that changes with every word: it takes no other's place in the cache."""
    return _render(text)


def render_plain(text: str) -> str:
    """Safe HTML of a text that stands within a line: a name, the beginning of a prompt."""
    return hidden.reveal(escape(text))


def _render(text: str) -> str:
    return _prose(text) or _marked(text)


def _prose(text: str) -> str:
    """What a text without any markup comes to; empty for one that may have some. Most of a model's
    answers have none, and a page has several."""
    paragraphs = text.split("\n\n")
    lines = [paragraph.split("\n") for paragraph in paragraphs]
    if not all(PROSE.fullmatch(line) for paragraph in lines for line in paragraph):
        return ""
    whole = ["<br>\n".join(line.rstrip(" ") for line in paragraph) for paragraph in lines]
    return "".join(f"<p>{paragraph}</p>\n" for paragraph in whole)


def _marked(text: str) -> str:
    written, formulas = _to_html(hidden.protect(text))
    html = _cleaner.clean(written)
    if not _is_whole(text, html, formulas):
        html = f"<pre>{escape(text)}</pre>"
    return _named(hidden.reveal(html))


@lru_cache(maxsize=1024)
def _cached(text: str, language: str) -> str:
    """``language`` is the one in force: pages differ by what we say about a text."""
    return _render(text)


def _named(html: str) -> str:
    """With what scrolls named in the reader's language. A text cannot write such a name."""
    if 'aria-label="' not in html:
        return html
    for label, name in (("Table", gettext("Table")), ("Formula", gettext("Formula"))):
        html = html.replace(f'aria-label="{label}"', f'aria-label="{escape(name)}"')
    return html


def _is_whole(text: str, html: str, formulas: Sequence[Drawn]) -> bool:
    """Whether every letter and digit of the text is in the page; list numbers are drawn, and of
    formulas it is known already."""
    there = _letters(unescape(TAG.sub("", html)))
    known: Counter[str] = Counter()
    for source, drawn in formulas:
        known += _letters(source)
        there -= drawn
    wanted = LIST_MARKS.sub("", text)
    return not (_letters(wanted) - known - there and _letters(unescape(wanted)) - known - there)


def _letters(text: str) -> Counter[str]:
    return Counter(filter(str.isalnum, text))


# --- markdown -------------------------------------------------------------------------------


def _to_html(text: str) -> tuple[str, list[Drawn]]:
    """HTML, and the formulas in it."""
    tokens = _parser.parse(text)
    _nest_headings(tokens)
    _align_by_class(tokens)
    told: dict[str, Any] = {"source": text, "formulas": []}
    return str(_parser.renderer.render(tokens, _parser.options, told)), told["formulas"]


def _is_safe_link(url: str) -> bool:
    """Whole http addresses only: a relative one would lead into this site."""
    return re.match(r"https?://[^/]", url, re.IGNORECASE) is not None


def _address(token: Token, name: str, source: str) -> str:
    """Where a link or an image leads, in the spelling of the text."""
    url = str(token.attrGet(name))
    shown = url if url in source else _parser.normalizeLinkText(url)
    title = token.attrGet("title")
    told = f'{shown} "{title}"' if title else shown
    return f' <span class="address">({escape(told)})</span>'


def _link_open(self: Any, tokens: Sequence[Token], place: int, *_: Any) -> str:
    return f'<a href="{escape(str(tokens[place].attrGet("href")))}" target="_blank">'


def _link_close(
    self: Any, tokens: Sequence[Token], place: int, options: Any, env: dict[str, str]
) -> str:
    opening = max(at for at in range(place) if tokens[at].type == "link_open")
    if tokens[opening].markup == "autolink":
        return "</a>"
    return "</a>" + _address(tokens[opening], "href", env["source"])


def _image(
    self: Any, tokens: Sequence[Token], place: int, options: Any, env: dict[str, str]
) -> str:
    token = tokens[place]
    words = escape(gettext("Image: %(words)s") % {"words": token.content})
    return f"<em>{words}</em>{_address(token, 'src', env['source'])}"


def _formula(
    self: Any, tokens: Sequence[Token], place: int, options: Any, env: dict[str, Any]
) -> str:
    token = tokens[place]
    drawn = formula(token.content, token.type == BLOCK or token.markup in ("$$", "\\["))
    assert drawn is not None, "the rule that made the token has drawn it before"
    env["formulas"].append((token.content, drawn.drawn))
    return drawn.html


def _fence(self: Any, tokens: Sequence[Token], place: int, *_: Any) -> str:
    """Code under all that its opening line says, not the language alone."""
    info = tokens[place].info.strip()
    code = highlighted(tokens[place].content, info.lower())
    title = f'<span class="language">{escape(info)}</span>' if info else ""
    return f'<div class="code">{title}<pre><code>{code}</code></pre></div>\n'


def _table_open(*_: Any) -> str:
    # Reached and scrolled by keyboard where it is wider than the page.
    return '<div class="table" tabindex="0" role="group" aria-label="Table"><table>\n'


def _table_close(*_: Any) -> str:
    return "</table></div>\n"


def _nest_headings(tokens: list[Token]) -> None:
    """Give headings the levels of a sound outline below the card's own title."""
    above: list[int] = []
    for opening, closing in zip(tokens, tokens[2:], strict=False):
        if opening.type != "heading_open":
            continue
        level = int(opening.tag[1:])
        while above and above[-1] >= level:
            above.pop()
        opening.tag = closing.tag = f"h{min(FIRST_HEADING + len(above), 6)}"
        above.append(level)


def _align_by_class(tokens: list[Token]) -> None:
    """The pages' policy forbids the style attributes that the parser writes."""
    for token in tokens:
        if token.type in ("td_open", "th_open") and "style" in token.attrs:
            token.attrs = {"class": ALIGNMENTS[str(token.attrs["style"])]}


def _make_parser() -> MarkdownIt:
    parser = MarkdownIt("commonmark", {"html": False, "breaks": True})
    # A reference definition is a way to hide text: it stays text.
    parser.enable(["table", "strikethrough"]).disable("reference")
    use_formulas(parser)
    parser.validateLink = _is_safe_link  # type: ignore[method-assign]
    rules = {
        "link_open": _link_open,
        "link_close": _link_close,
        "image": _image,
        "fence": _fence,
        INLINE: _formula,
        BLOCK: _formula,
        "table_open": _table_open,
        "table_close": _table_close,
    }
    for name, rule in rules.items():
        parser.add_render_rule(name, rule)
    return parser


_parser = _make_parser()

"""Characters that a reader cannot see: controls, zero widths, turns of direction.

They are shown by code point, where they stand. Left alone are the joiners and selectors that a
writing system or an emoji needs, because there a reader does see what they do.
"""

import re
import unicodedata

from django.utils.translation import gettext

# Invisible, though Unicode does not count them among controls and formats.
FILLERS = "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
FORMATS = (
    "\u00ad\u0600-\u0605\u061c\u06dd\u070f\u0890\u0891\u08e2\u180e\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\ufeff\ufff9-\ufffb\ufdd0-\ufdef\U000110bd\U000110cd\U00013430-\U0001345f"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
)
CONTROLS = "\x00-\x08\x0b-\x1f\x7f-\x9f"
HIDDEN = re.compile(f"[{CONTROLS}{FORMATS}{FILLERS}]+")
TAG_OR_TEXT = re.compile(r'<[^>"]*(?:"[^"]*"[^>"]*)*>|[^<]+')
SHOWN_IN_A_ROW = 8

# Scripts in which a joiner or a non-joiner changes the letters around it.
JOINING = re.compile(
    "[\u0600-\u08ff\u0900-\u0dff\u0f00-\u109f\u1780-\u18af\ufb50-\ufdcf\ufdf0-\ufdff\ufe70-\ufefc]"
)
NON_JOINER, JOINER = "\u200c", "\u200d"
SELECTORS = "\ufe0e\ufe0f"
_SYMBOLS = "\u2194\u2195\u2600-\u27bf\u2b00-\u2bff\U0001f000-\U0001faff"
JOINED_EMOJI = re.compile(f"[{_SYMBOLS}\ufe0f]")
SELECTABLE = re.compile(
    f"[{_SYMBOLS}\u00a9\u00ae\u203c-\u2139\u2190-\u25ff#*0-9\u3030\u303d\u3297\u3299]"
)

# A parser trims these as white space. They cross it as noncharacters, which no text may hold.
_TRIMMED = "\x0b\x0c\x1c\x1d\x1e\x1f\x85\u2028\u2029"
_STAND_INS = {ord(one): 0xFDD0 + place for place, one in enumerate(_TRIMMED)}
_PROTECT = {**dict.fromkeys(_STAND_INS.values(), 0xFFFD), **_STAND_INS}
_RESTORE = {stand_in: code for code, stand_in in _STAND_INS.items()}


def protect(text: str) -> str:
    """The text with stand-ins for hidden characters that a parser would drop."""
    return text.replace("\r\n", "\n").translate(_PROTECT)


def reveal(html: str) -> str:
    """Serialised HTML with every hidden character of its text replaced by a visible name.

    Inside tags nothing is touched. The input must be the output of a serialiser, in which text
    holds no bare "<" and attribute values stand in double quotes.
    """
    if not HIDDEN.search(html):
        return html
    return TAG_OR_TEXT.sub(lambda found: _reveal_text(found.group()), html)


def _reveal_text(piece: str) -> str:
    if piece.startswith("<"):
        return piece
    return HIDDEN.sub(lambda found: _shown(piece, found.start(), found.end()), piece)


def _shown(text: str, start: int, end: int) -> str:
    """A run of hidden characters, the first of them by name."""
    named = range(start, min(end, start + SHOWN_IN_A_ROW))
    marks = [text[place] if _is_at_work(text, place) else _mark(text[place]) for place in named]
    more = end - start - len(named)
    if more:
        words = gettext("and %(more)s more hidden characters") % {"more": f"{more:,}"}
        marks.append(f'<span class="hidden-character">{words}</span>')
    return "".join(marks)


def _mark(character: str) -> str:
    code = _RESTORE.get(ord(character), ord(character))
    return f'<span class="hidden-character" title="{name_of(code)}">U+{code:04X}</span>'


def _is_at_work(text: str, place: int) -> bool:
    """Whether a joiner or selector stands where a reader sees its effect."""
    before, character, after = text[place - 1 : place], text[place], text[place + 1 : place + 2]
    if character in SELECTORS:
        return bool(SELECTABLE.match(before))
    if character == JOINER and JOINED_EMOJI.match(before) and JOINED_EMOJI.match(after):
        return True
    return character in (JOINER, NON_JOINER) and bool(
        JOINING.match(before) and JOINING.match(after)
    )


def name_of(code: int) -> str:
    """What Unicode calls this character: plain capitals, safe anywhere."""
    return unicodedata.name(chr(code), "CONTROL CHARACTER" if code < 0xA0 else "UNNAMED CHARACTER")

"""Colours for code, as class names; the stylesheet says what they look like."""

import re
from html import escape

from pygments import highlight
from pygments.formatters import HtmlFormatter
from pygments.lexers import get_lexer_by_name
from pygments.token import STANDARD_TYPES

_KNOWN = """
    bash c c++ console cpp css diff dockerfile go haskell html http ini javascript js json julia
    kotlin lua make makefile matlab perl php powershell py python r rb ruby rust scala sh shell
    sql swift tex toml ts typescript xml yaml yml
"""
LANGUAGES = frozenset(_KNOWN.split())
# Their own lexers take seconds for a hostile page of code; they look much like C++.
STAND_INS = {"java": "cpp", "cs": "cpp", "csharp": "cpp", "c#": "cpp"}
CLASSES = frozenset(name for name in STANDARD_TYPES.values() if name)

# Beyond these, some lexers take time that grows with the square of the length.
MAX_CHARACTERS = 10_000
TOO_LONG = re.compile(r"[^\n]{400}|\s{200}")

_formatter = HtmlFormatter(nowrap=True)


def highlighted(code: str, language: str) -> str:
    """HTML of the code; plain where the language is unknown or the code too long."""
    language = STAND_INS.get(language, language)
    if language not in LANGUAGES or len(code) > MAX_CHARACTERS or TOO_LONG.search(code):
        return escape(code)
    lexer = get_lexer_by_name(language, stripnl=False, ensurenl=False)
    return str(highlight(code, lexer, _formatter))

"""Where formulas stand in a markdown text: $…$, $$…$$, \\(…\\), \\[…\\]. Rules for the parser."""

from typing import Any

from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.rules_inline import StateInline

from annotation.mathematics import MAX_FORMULA, MAX_IN_A_TEXT, formula

INLINE, BLOCK = "formula", "formula_block"
# The longer one first. What opens, what closes, whether it has a line of its own.
DELIMITERS = (("$$", "$$", True), ("\\[", "\\]", True), ("\\(", "\\)", False), ("$", "$", False))
# In the parser's environment: what was looked at, and how long that was together. It bounds the
# time that a text full of what looks like formulas can take.
_TRIED, _USED = "formulas tried", "formulas used"


def use_formulas(parser: MarkdownIt) -> None:
    parser.inline.ruler.before("escape", INLINE, _inline)
    parser.block.ruler.before(
        "fence", BLOCK, _block, {"alt": ["paragraph", "reference", "blockquote", "list"]}
    )


def _inline(state: StateInline, silent: bool) -> bool:
    for opening, closing, display in DELIMITERS:
        if not state.src.startswith(opening, state.pos):
            continue
        start = state.pos + len(opening)
        end = _end(state.src, start, closing, min(state.posMax, start + MAX_FORMULA))
        if end < 0 or (opening == "$" and not _is_tight(state.src, state.pos, end)):
            return False
        tex = state.src[start:end]
        if not _spend(state.env, tex) or formula(tex, display) is None:
            return False
        if not silent:
            token = state.push(INLINE, "math", 0)
            token.content, token.markup, token.info = tex, opening, closing
        state.pos = end + len(closing)
        return True
    return False


def _end(source: str, start: int, closing: str, limit: int) -> int:
    """Where it closes, not counting an escaped dollar; -1 where it does not."""
    end = source.find(closing, start, limit)
    while end > 0 and closing[0] == "$" and source[end - 1] == "\\":
        end = source.find(closing, end + 1, limit)
    return end


def _is_tight(source: str, start: int, end: int) -> bool:
    """Prices and names of variables of a shell are no formulas: $5 and $10, $HOME/$USER."""
    before, after = source[start - 1 : start], source[end + 1 : end + 2]
    inside = source[start + 1 : end]
    if before.isalnum() or after.isalnum() or after == "$" or before == "$":
        return False
    return bool(inside) and not inside[0].isspace() and not inside[-1].isspace()


def _block(state: StateBlock, start: int, last: int, silent: bool) -> bool:
    if state.is_code_block(start):
        return False
    first = state.src[state.bMarks[start] + state.tShift[start] : state.eMarks[start]].rstrip()
    for opening, closing, _ in DELIMITERS[:2]:
        if first.startswith(opening):
            return _take_block(state, start, last, silent, opening, closing)
    return False


def _take_block(
    state: StateBlock, start: int, last: int, silent: bool, opening: str, closing: str
) -> bool:
    """From a line that begins with what opens to the line that ends with what closes."""
    begin = state.bMarks[start] + state.tShift[start]
    if state.src.find(closing, begin + len(opening), begin + MAX_FORMULA) < 0:
        return False
    if state.env.get(_USED, 0) >= MAX_IN_A_TEXT:
        return False
    taken, line = "", start
    while line < last and len(taken) <= MAX_FORMULA:
        if line > start and state.sCount[line] < state.blkIndent:
            return False
        taken += state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]] + "\n"
        line += 1
        inside = taken.rstrip()[len(opening) :]
        if closing in inside:
            break
    else:
        return False
    tex, _, rest = inside.partition(closing)
    if not _spend(state.env, tex) or rest or formula(tex, True) is None:
        return False
    if silent:
        return True
    token = state.push(BLOCK, "math", 0)
    token.content, token.markup, token.info, token.map = tex, opening, closing, [start, line]
    state.line = line
    return True


def _spend(environment: Any, tex: str) -> bool:
    """Whether the text may have this formula as well; each is counted once, drawn or not."""
    tried: set[str] = environment.setdefault(_TRIED, set())
    if tex in tried:
        return True
    if environment.get(_USED, 0) + len(tex) > MAX_IN_A_TEXT:
        return False
    tried.add(tex)
    environment[_USED] = environment.get(_USED, 0) + len(tex)
    return True

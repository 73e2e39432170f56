"""Formulas become MathML; whatever else looks like one stays text."""

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from annotation import formulas, rendering
from annotation.formulas import DELIMITERS
from annotation.mathematics import ATTRIBUTES, ELEMENTS, MAX_FORMULA, MAX_IN_A_TEXT, formula
from annotation.rendering import render

FORMULAS = [
    r"x^2 + \frac{a}{b}",
    r"\sum_{i=1}^n i",
    r"\begin{pmatrix}1 & 2\\3 & 4\end{pmatrix}",
    r"\begin{aligned}a &= b\\c &= d\end{aligned}",
    r"\begin{cases}1 & x > 0\\0 & \text{otherwise}\end{cases}",
    r"\left( \sqrt[3]{x} \right)",
    r"\mathbf{x} \in \mathbb{R}^n",
    r"\lim_{x \to 0} \sin x",
    r"\hat{x}, \vec v, \overline{z}",
    r"\binom{n}{k} \,\mathrm{d}x",
    r"E = mc^2",
    r"\alpha \leq \beta \neq \infty",
]
NO_FORMULAS = [
    r"\phantom{hidden}",
    r"\color{white}{hidden}",
    r"\href{javascript:window.hacked=1}{x}",
    r"\style{position:fixed}{x}",
    r"\class{foot}{x}",
    r"\rule{100em}{100em}",
    r"\hspace{-9em}x",
    r"\unknown{x}",
    "x % hidden",
    "a & b",
    "x_{",
    "\u202ex",
    "x\u200b",
    "x\x07",
    "^" * 1000,
    "{" * 300 + "x" + "}" * 300,
    r"\sqrt" * 400 + "x",
    "x" * (MAX_FORMULA + 1),
    " ",
]


@pytest.mark.parametrize("tex", FORMULAS)
@pytest.mark.parametrize("delimiters", DELIMITERS)
def test_a_formula_becomes_mathml_between_all_delimiters(tex, delimiters):
    opening, closing, _ = delimiters
    html = render(f"So {opening}{tex}{closing} holds.")
    assert "<math" in html
    assert "\\" not in html


@pytest.mark.parametrize("tex", FORMULAS)
def test_a_formula_may_have_lines_of_its_own(tex):
    html = render(f"So\n$$\n{tex}\n$$\nholds.")
    assert '<math display="block">' in html
    assert "holds." in html


@pytest.mark.parametrize("tex", NO_FORMULAS)
def test_what_might_hide_or_run_something_stays_text(tex):
    assert formula(tex, False) is None
    assert "<math" not in render(f"So ${tex}$ it is.")


@pytest.mark.parametrize(
    "text",
    ["$5 and $10", "$5-$10", "$HOME/$USER", r"\$x\$", "`$x$`", "```\n$$x$$\n```", "US$5 a$", "$$"],
)
def test_prices_and_code_are_no_formulas(text):
    assert "<math" not in render(text)


def test_formulas_stand_in_lists_tables_and_emphasis():
    html = render("- $a$\n\n| x |\n|---|\n| $b$ |\n\n**$c$**")
    assert html.count("<math") == 3


def test_a_letter_that_vanishes_beside_a_formula_is_still_noticed():
    assert "hidden" in render("$a$\n\n```python hidden\nx\n```")


@pytest.mark.parametrize(
    "text",
    ["\\(" * 50_000, "\\(" * 900 + "\\)", "\\[\n" * 900 + "\\]\n", "$$\nx\n" * 20_000],
)
def test_a_text_full_of_openings_has_little_of_it_converted(text, monkeypatch):
    looked_at = set()

    def watched(tex, display):
        looked_at.add(tex)
        return formula(tex, display)

    monkeypatch.setattr(formulas, "formula", watched)
    rendering.render_once(text)
    assert sum(map(len, looked_at)) <= MAX_IN_A_TEXT


def test_beyond_the_limit_of_a_text_formulas_stay_text():
    texts = [f"$x_{{{number}}}$" for number in range(MAX_IN_A_TEXT // 5)]
    html = render("\n\n".join(texts))
    drawn = html.count("<math")
    assert 0 < drawn < len(texts)
    assert html.count("$") == 2 * (len(texts) - drawn)


ALPHABET = r"\abcxfrtqes{}[]()_^&$ 12+<>='\"%#~|!,;:.\n"
WORDS = [*ALPHABET, *FORMULAS, *NO_FORMULAS[:10], r"\text", r"\begin{matrix}", r"\left(", "<b>"]


@given(st.lists(st.sampled_from(WORDS), max_size=25).map("".join))
def test_whatever_is_written_only_known_elements_come_out(tex):
    html = render(f"${tex}$ $$\n{tex}\n$$")
    names = set(re.findall(r"</?([a-z0-9]+)", html))
    assert names <= {"math", "p", "pre", "br", "em", "strong", "span", "code", "div", "table"} | {
        *ELEMENTS,
        *("a", "blockquote", "del", "h3", "h4", "hr", "li", "ol", "ul", "s"),
        *("tbody", "td", "th", "thead", "tr"),
    }
    for tag in re.findall(r"<m[a-z]+ [^>]*>", html):
        for name, value in re.findall(r' ([a-z-]+)="([^"]*)"', tag):
            assert value in ATTRIBUTES.get(name, {"block"} if name == "display" else ())

"""Nothing that is written runs, fetches or hides anything once it is rendered."""

import re
from html import unescape
from html.parser import HTMLParser

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from annotation import mathematics, rendering
from annotation.hidden import HIDDEN
from annotation.rendering import TAGS, render, render_plain
from tests.annotation import hostile

ALLOWED = TAGS | {"span"}
ATTRIBUTES = {
    *(("a", "href"), ("a", "rel"), ("a", "target"), ("ol", "start")),
    *(("div", "class"), ("div", "tabindex"), ("div", "role"), ("div", "aria-label")),
    *(("span", "class"), ("span", "title"), ("td", "class"), ("th", "class")),
    *(("span", "tabindex"), ("span", "role"), ("span", "aria-label"), ("math", "display")),
}


class Page(HTMLParser):
    """All elements of a fragment with their attributes, and its text."""

    def __init__(self, html):
        super().__init__(convert_charrefs=True)
        self.elements, self.text = [], ""
        self.feed(html)
        self.close()

    def handle_starttag(self, tag, attrs):
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data):
        self.text += data

    def handle_comment(self, data):
        self.elements.append(("comment", {}))

    def handle_decl(self, decl):
        self.elements.append(("declaration", {}))

    def handle_pi(self, data):
        self.elements.append(("instruction", {}))


def check_harmless(html):
    for tag, attributes in Page(html).elements:
        assert tag in ALLOWED, tag
        for name, value in attributes.items():
            if tag in mathematics.ELEMENTS:
                assert value in mathematics.ATTRIBUTES[name], (tag, name, value)
                continue
            assert (tag, name) in ATTRIBUTES, (tag, name)
            if name == "href":
                assert re.match(r"https?://[^/]", value), value


def check_links(html):
    """Every link leads somewhere: an address that may not be linked is left as text."""
    assert all("href" in attributes for tag, attributes in Page(html).elements if tag == "a")


def letters(text):
    return sorted(filter(str.isalnum, text))


def test_there_are_enough_hostile_texts():
    assert len(set(hostile.TEXTS)) >= 300


@pytest.mark.parametrize("text", hostile.TEXTS)
def test_hostile_text_is_harmless(text):
    check_harmless(render(text))


def test_the_parser_alone_would_hold():
    for text in hostile.TEXTS:
        check_harmless(rendering._to_html(text)[0])
        check_links(rendering._to_html(text)[0])


def test_the_sanitiser_alone_would_hold():
    for text in hostile.ELEMENTS:
        check_harmless(rendering._cleaner.clean(text))


@pytest.mark.parametrize(
    "wrapping", ["> {}", "* {}", "**{}**", "[{}](https://x.example)", "| {} |\n|-|"]
)
def test_hostile_elements_are_harmless_within_markdown(wrapping):
    for text in hostile.ELEMENTS:
        check_harmless(render(wrapping.format(text)))


@pytest.mark.parametrize("text", [*hostile.TEXTS, "a\rb"])
def test_a_line_of_hostile_text_holds_marks_of_hidden_characters_alone(text):
    page = Page(render_plain(text))
    assert {tag for tag, _ in page.elements} <= {"span"}
    assert {tuple(attributes) for _, attributes in page.elements} <= {
        ("class", "title"),
        ("class",),
    }


@pytest.mark.parametrize("text", [t for t in hostile.TEXTS if "hidden words" in t])
def test_no_words_are_hidden_by_markdown(text):
    assert "hidden words" in Page(render(text)).text


@pytest.mark.parametrize("text", hostile.CHARACTERS)
def test_no_hidden_character_stays_hidden(text):
    assert not HIDDEN.search(Page(render(text)).text)
    assert not HIDDEN.search(Page(render_plain(text)).text)


def test_a_hidden_character_is_named():
    assert render("a\u202eb") == (
        '<p>a<span class="hidden-character" title="RIGHT-TO-LEFT OVERRIDE">U+202E</span>b</p>\n'
    )


def test_a_long_run_of_hidden_characters_is_counted():
    assert "and 4,992 more hidden characters" in render("\u202e" * 5000)


@pytest.mark.parametrize("text", ["👩‍🚀", "👨‍👩‍👧‍👦", "❤️", "1️⃣", "🏳️‍🌈", "می‌خواهم", "क्‍ष"])
def test_joiners_that_a_script_needs_are_left_alone(text):
    assert render(text) == f"<p>{text}</p>\n"


@pytest.mark.parametrize("text", ["a\u200db", "1\u200d2", "a\ufe0fb", "می\u200cx"])
def test_joiners_without_effect_are_shown(text):
    assert "hidden-character" in render(text)


@given(st.text(max_size=300))
def test_any_text_is_harmless_and_whole(text):
    html = render(text)
    check_harmless(html)
    shown = letters(Page(html).text)
    missing = [one for one in set(letters(text)) if one not in shown]
    numbered = re.search(r"(?m)^[\s>*+-]*\d+[.)]", text)
    entities = unescape(text) != text
    assert not missing or numbered or entities


@given(
    st.lists(
        st.sampled_from([*"*_`[]()<>!#|-~\\&:;\n \t'\"=", "a", "http://x.y", "1."]), max_size=60
    )
)
def test_any_markup_is_harmless(pieces):
    check_harmless(render("".join(pieces)))


@pytest.mark.parametrize(
    ("text", "html"),
    [
        ("*a* **b** ~~c~~ `d`", "<p><em>a</em> <strong>b</strong> <s>c</s> <code>d</code></p>\n"),
        ("a\nb", "<p>a<br>\nb</p>\n"),
        ("3. x", '<ol start="3">\n<li>x</li>\n</ol>\n'),
        ("> q", "<blockquote>\n<p>q</p>\n</blockquote>\n"),
        ("a < b & c", "<p>a &lt; b &amp; c</p>\n"),
        ("<https://x.example>",
         '<p><a href="https://x.example" target="_blank" rel="noopener noreferrer nofollow">'
         "https://x.example</a></p>\n"),
        ("[a](https://x.example 't')",
         '<p><a href="https://x.example" target="_blank" rel="noopener noreferrer nofollow">a</a>'
         ' <span class="address">(https://x.example "t")</span></p>\n'),
        ("![a](https://x.example/b.png)",
         '<p><em>Image: a</em> <span class="address">(https://x.example/b.png)</span></p>\n'),
    ],
)  # fmt: skip
def test_markdown_is_rendered(text, html):
    assert render(text) == html


def test_a_link_is_written_as_the_text_spells_it():
    assert "(https://x.example/%D0%B0)" in render("[a](https://x.example/%D0%B0)")
    assert "(https://x.example/ü)" in render("[a](https://x.example/ü)")


def test_a_reference_definition_is_text_and_costs_no_formatting():
    assert render("[a]: https://x.example\n\n**b**") == (
        "<p>[a]: https://x.example</p>\n<p><strong>b</strong></p>\n"
    )


def test_links_tell_the_other_side_nothing():
    (_, attributes), *_ = [
        each for each in Page(render("<https://x.example>")).elements if each[0] == "a"
    ]
    assert attributes["rel"] == "noopener noreferrer nofollow"


def test_code_is_highlighted_by_class():
    assert '<span class="language">python</span><pre><code><span class="k">def</span>' in render(
        "```python\ndef f(): pass\n```"
    )


def test_columns_are_aligned_by_class():
    html = render("| a | b |\n|:-:|--:|\n| 1 | 2 |")
    assert '<td class="align-center">1</td>\n<td class="align-right">2</td>' in html


def test_headings_make_a_sound_outline_below_the_card():
    tags = [tag for tag, _ in Page(render("## a\n\n#### b\n\n# c\n\n## d\n\n###### e")).elements]
    assert tags == ["h3", "h4", "h3", "h4", "h5"]


@pytest.mark.timeout(60)  # a runaway pattern would take hours
@pytest.mark.parametrize("language", ["java", "csharp", "cpp", "python", "html", "markdown", "sql"])
@pytest.mark.parametrize("unit", ["a\n", "a ", "<!--", "/* ", "&", "\n", "(", "x y\n"])
def test_code_is_rendered_in_bounded_time(language, unit):
    line = (unit * 400)[:390]
    code = "\n".join([line] * 25) if "\n" not in unit else unit * 4900
    assert render(f"```{language}\n{code}\n```")


PROSE_AND_SIGNS = st.text(
    alphabet="abXY019 ,.;:'\"?()%/-+*_#>=|`~&<!$\\[]\t\n\u00e9\u200b", max_size=40
)


@given(PROSE_AND_SIGNS | st.text(alphabet="abXY019 ,.;:'\"?()%/-\n", max_size=60))
@example("Salt, from rivers.\nAnd rain; 10% of it.\n\nIt's (mostly) that.")
@example("1. Rivers")
@example("Rivers  \nRain")
def test_prose_is_drawn_as_its_markdown_would_be(text):
    assert rendering._prose(text) in ("", rendering._marked(text))


def test_most_prose_needs_no_markdown():
    assert rendering._prose("Salt, from rivers.\nAnd rain.\n\nIt's (mostly) that: 10%.")
    assert not rendering._prose("- Rivers")

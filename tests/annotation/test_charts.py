"""Charts as geometry: what is drawn where."""

import pytest

from annotation import charts
from annotation.sheets import safe, sheet


def test_bars_stand_on_the_base_and_the_greatest_reaches_the_top():
    drawn = charts.bars([("Mon", 0), ("Tue", 5), ("Wed", 10)])
    assert [bar.y + bar.height for bar in drawn.bars] == pytest.approx([drawn.base] * 3)
    assert [bar.height for bar in drawn.bars] == pytest.approx([0, 60, 120])
    assert drawn.bars[2].y == charts.TOP
    assert [tick.words for tick in drawn.up] == ["0", "10"]


def test_a_line_leaves_out_what_is_undefined():
    points = [(0.4, None, None, "a"), None, (1.0, 0.7, 1.2, "c")]
    (line,) = charts.lines("abc", {"Agreement": points}, 0.4, 1.0).lines
    assert len(line.dots) == 2
    low, high = line.dots
    assert (low.y, high.y) == (charts.HEIGHT - charts.BOTTOM, charts.TOP)
    assert (low.low, low.high) == (low.y, low.y)
    assert high.low > high.y
    assert high.high == charts.TOP  # drawn at the edge
    assert line.points.count(",") == 2


def test_nothing_is_drawn_of_nothing():
    drawn = charts.bars([])
    assert (drawn.bars, drawn.across) == ([], [])


@pytest.mark.parametrize("text", ["=1+1", "+1", "-1", "@x", "\tx"])
def test_a_sheet_holds_no_formula(text):
    assert sheet("a", ["b"], [[text]]).content.decode() == f"b\r\n'{text}\r\n"


def test_numbers_and_gaps_stay_what_they_are():
    assert (safe(-1.5), safe(None), safe("p-1")) == (-1.5, "", "p-1")

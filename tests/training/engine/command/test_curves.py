"""The curves are well-formed, stay within their frame and name round numbers."""

from __future__ import annotations

import re
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from training.engine.command.curves import HEIGHT, WIDTH, Panel, draw_curves, smoothed, ticks
from training.engine.command.options import METHODS
from training.engine.command.reports import panels_of


@settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    st.floats(-1e6, 1e6, allow_nan=False),
    st.floats(1e-3, 1e6, allow_nan=False),
)
def test_ticks_lie_in_their_range_at_even_steps(low: float, width: float):
    found = ticks(low, low + width)
    assert 2 <= len(found) <= 7
    assert all(low - 1e-6 * width <= each <= low + width * (1 + 1e-6) for each in found)


def test_ticks_are_round():
    assert ticks(0.0, 1.0) == [0.0, 0.2, 0.4, 0.6, 0.8, 1.0]
    assert ticks(1, 40) == [10, 20, 30, 40]


def test_a_constant_is_smoothed_to_itself():
    values = [value for _, value in smoothed([(step, 2.0) for step in range(9)])]
    assert values == pytest.approx([2.0] * 9)


@pytest.mark.parametrize("across", ["step", "√KL <&>"])
@pytest.mark.parametrize("count", [1, 2, 100])
def test_a_drawing_is_whole_and_nothing_leaves_its_frame(tmp_path: Path, count: int, across: str):
    points = [(step, (-1.0) ** step * step) for step in range(1, count + 1)]
    panel = Panel("Reward <&>", points, points[::10], across)
    draw_curves(tmp_path / "curve.svg", [panel, panel])
    text = (tmp_path / "curve.svg").read_text()
    assert ElementTree.fromstring(text).tag.endswith("svg")
    assert "nan" not in text
    for x, y in re.findall(r"[ML](-?[\d.]+) (-?[\d.]+)", text):
        assert 0 <= float(x) <= WIDTH
        assert 0 <= float(y) <= HEIGHT


def test_a_reward_is_drawn_over_the_root_of_its_kl_as_well():
    metrics = [
        {"step": step, "reward": float(step), "kl": float(step**2), "loss": 0.0} for step in (1, 2)
    ]
    metrics[1] |= {"validation_reward": 5.0, "validation_kl": -0.1}  # below 0 by chance
    panel = panels_of(METHODS["ppo"], metrics)[-1]
    assert panel.points == [(1.0, 1.0), (2.0, 2.0)]
    assert panel.validation == [(0.0, 5.0)]
    assert panel.across.startswith("√KL")

"""Accuracy is told apart by what distinguishes the pairs."""

from __future__ import annotations

import numpy as np

from training.engine.breakdowns import accuracy_by
from training.engine.reward import Ranking

NOTHING = np.zeros((3, 1))


def ranking(group: str, ranks: list[int], lengths: list[float], **more: object) -> Ranking:
    return Ranking(group, NOTHING, ranks, lengths, **more)  # type: ignore[arg-type]


def test_pairs_are_sorted_by_annotator_margin_length_and_source():
    rankings = [
        ranking("a", [1, 2, 3], [3, 2, 2], annotator="p1", sources=["x", "x", "y"]),
        ranking("b", [2, 2, 1], [5, 5, 1], annotator="p2", sources=["x", "y", "y"]),
    ]
    scores = [np.array([3.0, 1.0, 2.0]), np.array([0.0, 0.0, 1.0])]
    table = accuracy_by(rankings, scores)
    flat = {
        (by, value): (figures["accuracy"], figures["pairs"])
        for by, values in table.items()
        for value, figures in values.items()
    }
    assert flat == {
        ("annotator", "p1"): (2 / 3, 3),
        ("annotator", "p2"): (1.0, 2),
        ("length", "the better one is as long"): (0.0, 1),
        ("length", "the better one is longer"): (1.0, 2),
        ("length", "the better one is shorter"): (1.0, 2),
        ("margin", "1"): (0.75, 4),
        ("margin", "2"): (1.0, 1),
        ("source", "x / x"): (1.0, 1),
        ("source", "x / y"): (2 / 3, 3),
        ("source", "y / y"): (1.0, 1),
    }


def test_margins_are_what_people_said_where_they_said_it():
    said = [ranking("a", [1, 2, 3], [1, 1, 1], strengths=[3.0, 1.0])]
    assert set(accuracy_by(said, [np.arange(3.0)])["margin"]) == {"1", "3", "4"}


def test_an_interval_needs_two_prompts():
    one = [ranking("a", [1, 2, 2], [1, 1, 1])]
    two = [*one, ranking("b", [1, 2, 2], [1, 1, 1])]
    scores = [np.arange(3.0)] * 2
    assert "low" not in accuracy_by(one, scores[:1])["margin"]["1"]
    assert "low" in accuracy_by(two, scores)["margin"]["1"]

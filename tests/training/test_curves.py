"""A round keeps its curves, a bounded number of points each, and its page draws them."""

import pytest

from annotation.charts import HEIGHT, WIDTH
from tests.training.test_views import cast, manager, ranked, start, woken  # noqa: F401
from training import curves
from training.curves import charts_of, keep_curve, thinned
from training.models import TrainingCurve

POLICY = TrainingCurve.Model.POLICY
pytestmark = pytest.mark.django_db


def lines(count):
    """What a run measured; validation every second step."""
    return [
        {"step": step, "loss": 1 / step, "accuracy": 0.5}
        | ({"validation_loss": 2.0} if step % 2 == 0 else {})
        for step in range(1, count + 1)
    ]


def test_a_short_curve_is_kept_as_it_is():
    steps, figures = thinned(lines(4))
    assert steps == [1, 2, 3, 4]
    assert figures["loss"] == [1.0, 0.5, 0.333333, 0.25]
    assert figures["validation_loss"] == [None, 2.0, None, 2.0]


@pytest.mark.parametrize("count", [300, 301, 10_000])
def test_a_long_curve_is_thinned_to_means_and_ends_where_the_run_does(count):
    steps, figures = thinned(lines(count))
    assert len(steps) <= curves.POINTS
    assert steps[-1] == count
    assert len(figures["loss"]) == len(steps)
    size = steps[0]
    assert figures["loss"][0] == pytest.approx(
        sum(1 / step for step in range(1, size + 1)) / size, rel=1e-5
    )


def test_a_run_without_steps_has_no_curve(ranked):  # noqa: F811
    keep_curve(start(ranked), POLICY, [])
    assert not TrainingCurve.objects.exists()


def test_the_page_draws_what_is_there_so_far(ranked, manager):  # noqa: F811
    round = start(ranked)
    for count in (3, 500):
        keep_curve(round, POLICY, lines(count))
    assert TrainingCurve.objects.count() == 1
    page = manager.get(f"/projects/tides/rounds/{round.number}/").content.decode()
    assert "Training of the policy, step by step" in page
    assert page.count("<polyline") == 2
    assert "<circle" not in page


def test_nothing_leaves_its_chart(ranked):  # noqa: F811
    round = start(ranked)
    keep_curve(round, POLICY, lines(7))
    ((_, charts),) = charts_of(round)
    assert [name for name, _ in charts] == ["Training loss", "Training accuracy"]
    for _, chart in charts:
        assert all(0 <= dot.x <= WIDTH and 0 <= dot.y <= HEIGHT for dot in chart.lines[0].dots)
        assert len(chart.up) == len(chart.across) == 3

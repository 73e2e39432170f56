"""What surprised the live head is noted for a second look."""

from annotation.models import Doubt
from tests.training.test_live import ENCODER, cast, rank_a_task  # noqa: F401
from training import live
from training.contradictions import contradictions
from training.models import LivePrediction


def test_a_ranking_against_all_that_was_learned_is_doubted(cast):  # noqa: F811
    live.begin(cast.project, ENCODER)
    for number in range(40):
        rank_a_task(cast, number)
    while live.learn(cast.project):
        pass
    assert not Doubt.objects.exists()
    backwards = rank_a_task(cast, 40, ranks=(4, 3, 2, 1))
    live.learn(cast.project)
    doubt = Doubt.objects.get()
    assert (doubt.task, doubt.submission) == (backwards.task, backwards)
    assert doubt.reason == "contradicted"
    assert 0.7 <= doubt.strength <= 1


def test_a_ranking_of_ties_contradicts_nothing():
    assert contradictions([LivePrediction(pairs=0, correct=0, logloss=9.0)]) == []

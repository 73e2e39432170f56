"""What surprised the live head is noted for a second look."""

from annotation import reviews
from annotation.models import Doubt, Submission
from annotation.people import annotator_for
from annotation.submissions import submit
from tests.cast import full_ranking
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


def test_a_review_is_not_doubted(cast):  # noqa: F811
    said = rank_a_task(cast, 0)
    surprising = LivePrediction(submission=said, pairs=6, correct=0, logloss=9.0)
    assert [each.task for each in contradictions([surprising])] == [said.task]
    disagreement = Doubt(task=said.task, reason="disagreement", strength=0.5, said="x")
    reviews.note([disagreement])
    reviewer = annotator_for(cast.reviewer, cast.project)
    assignment = reviews.begin(said.task, reviewer)
    body = full_ranking(assignment.task)
    receipt = submit(assignment.pk, reviewer, body, key="r", origin="api")
    answer = Submission.objects.get(pk=receipt.id)
    assert contradictions([LivePrediction(submission=answer, pairs=6, logloss=9.0)]) == []

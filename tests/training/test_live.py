"""The live head foretells before it learns, and what it learns is true."""

from datetime import timedelta

import numpy as np
import pytest

from annotation import queue
from annotation.models import Submission
from annotation.standing import Standing, change_standing
from annotation.submissions import submit
from tests.cast import full_ranking, give_task, make_cast
from training import live, selectors, ticking
from training.models import Feature, LiveHead, LivePrediction

HIDDEN = 8
ENCODER = "test:L1:mean"


def planted(seed=0, pairs=4000):
    chance = np.random.default_rng(seed)
    weights = chance.normal(size=HIDDEN)
    differences = chance.normal(size=(pairs, HIDDEN))
    wins = chance.random(pairs) < live.sigmoid(differences @ weights)
    return weights, np.where(wins[:, None], differences, -differences)


def test_planted_weights_are_found():
    weights, differences = planted()
    found = live.fit(differences, prior_precision=0.1).mean
    assert np.abs(found - weights).max() < 0.15


def test_the_fit_is_the_mode():
    _, differences = planted(pairs=50)
    posterior = live.fit(differences)
    gradient, _ = live._derivatives(posterior.mean, differences, HIDDEN, np.ones(50))
    assert np.abs(gradient).max() < 1e-4


def test_a_warm_start_ends_where_a_cold_one_does():
    _, differences = planted(pairs=200)
    cold = live.fit(differences)
    warm = live.fit(differences, start=np.full(HIDDEN, 5.0))
    assert np.abs(cold.mean - warm.mean).max() < 1e-5


def test_a_head_that_has_seen_nothing_calls_every_pair_even():
    posterior = live.fit(np.zeros((0, HIDDEN)))
    assert posterior.foretell(np.ones((3, HIDDEN))) == pytest.approx([0.5, 0.5, 0.5])


def test_doubt_draws_a_prediction_towards_even():
    """MacKay's κ with H = λI: σ(κ m), m = wᵀd, κ = (1 + π dᵀd / 8λ)^−½."""
    posterior = live.Posterior(mean=np.ones(2), precision=4.0 * np.eye(2))
    difference = np.array([[1.0, 1.0]])
    kappa = (1 + np.pi * (2 / 4) / 8) ** -0.5
    assert posterior.foretell(difference)[0] == pytest.approx(1 / (1 + np.exp(-2 * kappa)))


@pytest.fixture
def cast(db):
    return make_cast()


def rank_a_task(cast, number, ranks=(1, 2, 3, 4)):
    """One ranking; its completions carry features whose first number foretells the order."""
    task = give_task(cast.project, prompt=f"Question {number}?")
    for place, slot in enumerate(task.slots.order_by("slot")):
        vector = np.zeros(HIDDEN, dtype="<f4")
        vector[0] = -place
        vector[1] = (place * 7 + number) % 3
        Feature.objects.create(completion=slot.completion, encoder=ENCODER, vector=vector.tobytes())
    assignment, _ = queue.claim(cast.judge)
    body = full_ranking(task, *ranks)
    receipt = submit(assignment.pk, cast.judge, body, key=f"k{number}", origin="api")
    return Submission.objects.get(pk=receipt.id)


def test_the_first_ranking_is_foretold_evenly_and_later_ones_rightly(cast):
    live.begin(cast.project, ENCODER)
    for number in range(12):
        rank_a_task(cast, number)
        assert live.learn(cast.project) == 1
    shares = [each.correct / each.pairs for each in LivePrediction.objects.order_by("pk")]
    assert shares[0] == 0.5
    assert np.mean(shares[4:]) > 0.9
    head = LiveHead.objects.get(project=cast.project)
    assert (head.learned_rankings, head.learned_pairs) == (12, 72)


def test_learning_again_adds_nothing(cast):
    live.begin(cast.project, ENCODER)
    rank_a_task(cast, 1)
    assert live.learn(cast.project) == 1
    assert live.learn(cast.project) == 0
    assert LivePrediction.objects.count() == 1


def test_a_ranking_of_ties_alone_counts_no_pair(cast):
    live.begin(cast.project, ENCODER)
    rank_a_task(cast, 1, ranks=(1, 1, 1, 1))
    assert live.learn(cast.project) == 1
    assert LivePrediction.objects.get().pairs == 0


def test_a_ranking_without_features_waits_for_them(cast):
    live.begin(cast.project, ENCODER)
    submission = rank_a_task(cast, 1)
    features = list(Feature.objects.filter(completion__slots__task=submission.task))
    Feature.objects.filter(pk=features[0].pk).delete()
    assert live.learn(cast.project) == 0
    Feature.objects.create(
        completion=features[0].completion, encoder=ENCODER, vector=features[0].vector
    )
    assert live.learn(cast.project) == 1


def test_held_out_prompts_are_foretold_and_never_learned(cast):
    live.begin(cast.project, ENCODER)
    number = next(n for n in range(200) if _split(n) != "train")
    rank_a_task(cast, number)
    live.learn(cast.project)
    head = LiveHead.objects.get(project=cast.project)
    assert LivePrediction.objects.count() == 1
    assert not np.frombuffer(bytes(head.state), dtype="<f8").any()


def _split(number):
    from annotation.content import group_of, split_of

    return split_of(group_of([{"role": "user", "content": f"Question {number}?"}]))


def test_a_new_encoder_starts_a_new_head(cast):
    live.begin(cast.project, ENCODER)
    rank_a_task(cast, 1)
    live.learn(cast.project)
    head = live.begin(cast.project, "another:L2:mean")
    assert bytes(head.state) == b""


def state(cast):
    return np.frombuffer(bytes(LiveHead.objects.get(project=cast.project).state), dtype="<f8")


def test_the_head_forgets_whoever_is_excluded_and_remembers_them_after(cast):
    live.begin(cast.project, ENCODER)
    for number in range(6):
        rank_a_task(cast, number)
    live.learn(cast.project)
    learned = state(cast)
    change_standing(cast.judge, Standing(excluded=True), by=None)
    assert ticking.projects_to_learn() == [cast.project.pk]
    assert live.learn(cast.project) == 0
    assert len(state(cast)) == 0
    assert selectors.live_accuracy(cast.project) is None
    assert ticking.projects_to_learn() == []
    change_standing(cast.judge, Standing(), by=None)
    live.learn(cast.project)
    assert state(cast) == pytest.approx(learned, abs=1e-6)


def test_rankings_given_while_excluded_are_foretold_once_they_count(cast, monkeypatch):
    monkeypatch.setattr("training.floors.SETTLED", timedelta(0))
    live.begin(cast.project, ENCODER)
    change_standing(cast.judge, Standing(excluded=True), by=None)
    rank_a_task(cast, 1)
    live.learn(cast.project)
    ticking.projects_to_learn()
    assert LiveHead.objects.get().learned_to > 0  # the floor passes what is excluded
    assert not LivePrediction.objects.exists()
    change_standing(cast.judge, Standing(), by=None)
    assert live.learn(cast.project) == 1


def test_a_lighter_person_moves_the_head_less(cast):
    live.begin(cast.project, ENCODER)
    rank_a_task(cast, next(n for n in range(200) if _split(n) == "train"))
    live.learn(cast.project)
    whole = state(cast)
    change_standing(cast.judge, Standing(weight=0.1), by=None)
    live.learn(cast.project)
    assert 0 < np.linalg.norm(state(cast)) < 0.5 * np.linalg.norm(whole)


def test_a_pair_that_counts_twice_is_as_two():
    _, differences = planted(pairs=60)
    counts = np.where(np.arange(60) < 20, 2.0, 1.0)
    twice = live.fit(np.concatenate([differences, differences[:20]]))
    assert live.fit(differences, counts=counts).mean == pytest.approx(twice.mean, abs=1e-6)

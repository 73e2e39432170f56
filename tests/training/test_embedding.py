"""What is stored of a completion is of the tokens that it is asked for with."""

import pytest
from django.db import connection
from django.db.migrations.executor import MigrationExecutor

from annotation import guards
from annotation.models import Completion
from annotation.snapshots import freeze
from tests.training.test_rounds import cast, finish, rank, start
from training import jobs
from training.backbones import backbone, encode, encoder_of
from training.embedding import embed, read_features
from training.engine import preference
from training.engine.config import RewardSettings
from training.engine.errors import TrainingDiverged
from training.engine.scoring import completion_logprobs, features
from training.engine.sequences import Encoded
from training.models import Feature, LiveHead, LogProb, RewardModel, Round
from training.policies import ensure_base

__all__ = ["cast"]  # a fixture

pytestmark = pytest.mark.django_db
SHORT = 12


@pytest.fixture
def lease(cast):
    rank(cast, 5)
    start(cast)
    return jobs.claim("gpu")


def completions():
    return list(Completion.objects.select_related("prompt").order_by("pk"))


def test_features_of_another_cut_are_read_anew(lease):
    for settings in (RewardSettings(), RewardSettings(max_tokens=SHORT)):
        assert embed(lease, completions(), settings)
        rows = [encode(backbone(), each, settings.max_tokens) for each in completions()]
        kept = read_features([each.pk for each in completions()], encoder_of(settings))
        for each, vector in zip(completions(), features(backbone(), rows), strict=True):
            assert kept[each.pk] == pytest.approx(vector.numpy(), abs=1e-5)


@pytest.fixture
def taught(monkeypatch):
    """The examples that a round would train its policy on."""
    found: list = []

    def note(backbone, examples, *args, **kwargs):
        found.extend(examples)
        raise TrainingDiverged("enough was seen")

    monkeypatch.setattr(preference, "train_preference", note)
    return found


@pytest.mark.parametrize("most", [{"reward": 1024, "preference": SHORT}, {"reward": SHORT}])
def test_the_reference_scores_the_tokens_that_the_policy_learns_from(cast, taught, most):
    rank(cast, 20)
    cut = {name: {"max_tokens": tokens} for name, tokens in most.items()}
    reward = {"layer": 1.0, "l2": 1.0, **cut["reward"]}
    finish(start(cast, reward=reward, preference=cut.get("preference", {})))
    assert taught
    for each in taught:
        rows = [Encoded(each.prompt_ids, ids) for ids in each.completion_ids]
        assert all((len(row) <= SHORT) == ("preference" in most) for row in rows)
        with backbone().adapter(None) as model:
            values, _ = completion_logprobs(model, rows, backbone().pad_id)
        assert each.reference_logprobs == pytest.approx(values.tolist(), abs=1e-4)


def migrate(*names):
    executor = MigrationExecutor(connection)
    leaves = executor.loader.graph.leaf_nodes("training")
    with guards.suspended():
        executor.migrate([("training", name) for name in names] or leaves)


def store(project, completion, model, number):
    """A round of this reward model, and what was stored when no row told its cut."""
    made = project.rounds.create(
        number=number,
        method="dpo",
        configuration={"reward": model},
        seed=1,
        trigger="hand",
        snapshot=project.snapshots.get(),
        base_policy=ensure_base(project),
        state="done",
        reward_model=RewardModel.objects.create(
            project=project, snapshot=project.snapshots.get(), depth="head", encoder="e"
        ),
    )
    Feature.objects.get_or_create(completion=completion, encoder="e", vector=b"")
    return made


@pytest.mark.django_db(transaction=True)
@pytest.mark.parametrize("most", [1024, SHORT])
def test_rows_from_before_stay_where_all_rounds_cut_alike_and_go_elsewhere(cast, most):
    rank(cast, 1)
    freeze(cast.project, "v1")
    migrate("0006_training_curves")
    try:
        LiveHead.objects.create(project=cast.project, encoder="e", read_to=7)
        completion = completions()[0]
        store(cast.project, completion, {"max_tokens": most}, 1)
        store(cast.project, completion, {}, 2)
        with connection.cursor() as cursor:
            cursor.execute(
                "INSERT INTO training_logprob (completion_id, reference, template, value, tokens)"
                " VALUES (%s, 'r', 't', -1, 3)",
                [completion.pk],
            )
    finally:
        migrate()
    kept = most == 1024
    assert list(Feature.objects.values_list("encoder", flat=True)) == ["e:1024"] * kept
    assert list(LogProb.objects.values_list("max_tokens", flat=True)) == [1024] * kept
    head = LiveHead.objects.get()
    assert (head.encoder, head.read_to) == ("e:1024", 7 if kept else 0)
    named = [each.reward_model.encoder for each in Round.objects.order_by("number")]
    assert named == [f"e:{most}", "e:1024"]


@pytest.mark.django_db(transaction=True)
def test_the_way_back_keeps_nothing_that_would_be_taken_for_something_else(cast):
    rank(cast, 1)
    (completion, *_) = completions()
    Feature.objects.create(completion=completion, encoder="e:12", vector=b"")
    LiveHead.objects.create(project=cast.project, encoder="e:1024", read_to=7)
    for most, temperature in ((12, 1.0), (1024, 1.0), (1024, 0.7)):
        LogProb.objects.create(
            completion=completion, reference="r", template="t", max_tokens=most,
            temperature=temperature, value=-1, tokens=3,
        )  # fmt: skip
    try:
        migrate("0007_stored_cuts")
        migrate("0006_training_curves")
    finally:
        migrate()
    assert not Feature.objects.exists()
    assert not LogProb.objects.exists()
    head = LiveHead.objects.get()
    assert (head.encoder, head.read_to) == ("e:1024", 0)

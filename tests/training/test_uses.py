"""The page of a snapshot says which rounds and reward models were made from it."""

import pytest

from annotation.snapshots import freeze
from tests.annotation.working import answer_all, give_tasks
from tests.cast import make_cast
from training import rounds
from training.models import RewardModel, RoundPlan

pytestmark = pytest.mark.django_db


def test_a_snapshot_leads_to_what_was_made_from_it(client):
    cast = make_cast()
    give_tasks(cast, 2)
    answer_all(cast.judge)
    RoundPlan.objects.create(project=cast.project, configuration={"minimum_rankings": 1})
    made = rounds.start(cast.project, method="dpo", trigger="hand", by="a test")
    model = RewardModel.objects.create(project=cast.project, snapshot=made.snapshot, depth="head")
    unused = freeze(cast.project, "unused")
    client.force_login(cast.researcher)
    page = client.get(f"/projects/tides/data/{made.snapshot_id}/").content.decode()
    assert f'<a href="/projects/tides/rounds/{made.number}/">' in page
    assert f"Reward model {model.pk}" in page
    page = client.get(f"/projects/tides/data/{unused.pk}/").content.decode()
    assert "No round and no reward model has used it." in page

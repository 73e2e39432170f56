"""A project with a task, and its annotator at a browser."""

import pytest

from annotation import queue
from tests.cast import give_task, make_cast


@pytest.fixture
def cast(db):
    return make_cast(overlap=2)


@pytest.fixture
def task(cast):
    return give_task(cast.project)


@pytest.fixture
def web(client, cast):
    """The annotator's browser."""
    client.force_login(cast.annotator)
    return client


@pytest.fixture
def assignment(cast, task):
    """The annotator's hold on the task."""
    held, _ = queue.claim(cast.judge)
    return held


@pytest.fixture
def form(assignment):
    """What the plain form of the task sends: places by slot, 1, 2, 3, 4."""
    uids = [str(slot.completion.uid) for slot in assignment.task.slots.select_related("completion")]
    places = {f"place-{uid}": str(place) for place, uid in enumerate(uids, start=1)}
    return {"key": "a-key", "comment": "", **places}

"""The arena over HTTP: matches are started once, and their tallies are those of the page."""

import pytest

from annotation.models import Prompt, Split
from annotation.tasking import add_prompt
from tests.api import Api
from tests.cast import make_cast
from training.models import Job
from training.policies import add_candidate, ensure_base

PATH = "projects/tides/arena/"


@pytest.fixture
def cast(db):
    made = make_cast()
    add_candidate(ensure_base(made.project), artefact="x", manifest_sha256="0" * 64, metrics={})
    return made


@pytest.fixture
def manager(cast):
    return Api(cast.manager)


def hold_out(project, count):
    """So many held-out prompts; the split is drawn from the text."""
    number = 0
    while Prompt.objects.exclude(split=Split.TRAIN).count() < count:
        add_prompt(project, f"Question {number}?")
        number += 1


def test_a_match_is_started_listed_and_not_started_twice(cast, manager):
    hold_out(cast.project, 3)
    sent = {"first": 1, "second": 0, "prompts": 2}
    made = manager.post(f"{PATH}matches/", sent).json()
    assert (made["first"], made["second"], made["prompts"]) == (1, 0, 2)
    assert (made["state"], made["given"], made["wanted"]) == ("pending", 0, 0)
    assert len(Job.objects.get(kind="arena").payload["prompts"]) == 2
    assert manager.get(f"{PATH}matches/").json() == {"matches": [made]}
    assert manager.post(f"{PATH}matches/", sent).status_code == 409
    assert manager.get(PATH).json() == {"tallies": []}


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        ({"first": 1, "second": 1, "prompts": 1}, 400),
        ({"first": 1, "second": 9, "prompts": 1}, 404),
        ({"first": 1, "second": 0, "prompts": 0}, 400),
        ({"first": 1, "second": 0, "prompts": 1}, 409),  # nothing is held out
        ({"first": 1, "second": 0, "prompts": 1, "people": 101}, 400),
    ],
)
def test_what_cannot_be_played_is_refused(manager, sent, status):
    assert manager.post(f"{PATH}matches/", sent).status_code == status
    assert not Job.objects.exists()

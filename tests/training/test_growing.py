"""While a reply is drawn its person sees it grow, and no more of it than they may see whole."""

import pytest
from django.core.cache import cache

from annotation import dialogues
from annotation.models import Completion
from tests.cast import make_cast
from tests.conversing import decode
from training import growing, tasks, worker
from training.growing import Growing
from training.models import RoundPlan

pytestmark = pytest.mark.django_db
TOKENS = {1: [72, 105], 2: [66, 121, 101]}


@pytest.fixture(autouse=True)
def at_once(monkeypatch):
    monkeypatch.setattr(growing, "EVERY_SECONDS", 0.0)
    monkeypatch.setattr(tasks.work, "apply_async", lambda **call: None)
    cache.clear()


@pytest.fixture
def cast(request):
    return make_cast(held_names=["Orca"])


@pytest.fixture
def turn(cast):
    return dialogues.begin(cast.judge, "How is the sea?")


def test_what_is_written_so_far_is_shown(turn):
    assert growing.growing(turn) == []
    shown = Growing(turn, decode)
    shown(TOKENS)
    assert growing.growing(turn) == ["Hi", "Bye"]
    shown({2: [66, 121, 101, 33]})  # one of them is drawn again
    assert growing.growing(turn) == ["Hi", "Bye!"]


def test_half_a_character_waits_for_its_other_half(turn):
    Growing(turn, decode)({1: list("né".encode()[:-1])})
    assert growing.growing(turn) == ["n"]


def test_a_text_that_names_a_model_is_shown_no_more(turn):
    shown = Growing(turn, decode)
    shown({1: list(b"I am Orca"), 2: list(b"Calm")})
    assert growing.growing(turn) == ["", "Calm"]
    shown({1: list(b"I am Orcadian"), 2: list(b"Calm")})
    assert growing.growing(turn) == ["", "Calm"]


def test_another_attempt_begins_with_nothing(turn):
    Growing(turn, decode)(TOKENS)
    turn.attempt += 1
    assert growing.growing(turn) == []


def test_it_looks_no_oftener_than_it_is_asked_to(turn, monkeypatch):
    monkeypatch.setattr(growing, "EVERY_SECONDS", 3600.0)
    shown = Growing(turn, decode)
    shown(TOKENS)
    shown({1: list(b"Hide")})
    assert growing.growing(turn) == ["Hi", "Bye"]


def test_a_cache_that_is_away_stops_no_reply(turn, monkeypatch):
    def away(*args):
        raise OSError("no cache")

    monkeypatch.setattr(cache, "set", away)
    Growing(turn, decode)(TOKENS)


def test_the_worker_shows_what_it_draws(tiny_model, cast, turn, monkeypatch):
    RoundPlan.objects.create(
        project=cast.project, configuration={"sampling": {"max_new_tokens": 8}}
    )
    seen = []
    monkeypatch.setattr(cache, "set", lambda key, texts, seconds: seen.append(texts))
    worker.work("gpu", heartbeat=False)
    assert seen
    assert all(
        any(whole.startswith(text) for whole in Completion.objects.values_list("text", flat=True))
        for text in seen[-1]
    )

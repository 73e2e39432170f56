"""Samples are drawn from seeds that follow from what was asked for."""

from dataclasses import replace

import pytest

from tests.cast import give_task, make_cast
from training.engine.config import SamplingSettings
from training.models import Policy
from training.samples import seed_of

pytestmark = pytest.mark.django_db

SETTINGS = SamplingSettings(temperature=0.7)


@pytest.fixture
def asked():
    """Ask for the seed of one sample; whether the policy is saved makes no difference."""
    cast = make_cast()
    prompt = give_task(cast.project).prompt

    def ask(version=1, purpose="first", settings=SETTINGS, index=0):
        policy = Policy(project=cast.project, version=version)
        return seed_of(policy, prompt, purpose, settings, index)

    return ask


def test_the_same_sample_asked_for_again_has_the_same_seed(asked):
    assert asked() == asked()


def test_places_purposes_and_versions_have_seeds_of_their_own(asked):
    seeds = [asked(), asked(index=1), asked(purpose="held-out"), asked(version=2)]
    assert len(set(seeds)) == 4


@pytest.mark.parametrize("change", [{"temperature": 1.0}, {"seed": 1}, {"max_new_tokens": 8}])
def test_another_way_of_drawing_is_another_sample(asked, change):
    assert asked() != asked(settings=replace(SETTINGS, **change))


@pytest.mark.parametrize("change", [{"batch_rows": 7}, {"completions_per_prompt": 9}])
def test_company_in_the_batch_does_not_change_a_sample(asked, change):
    assert asked() == asked(settings=replace(SETTINGS, **change))

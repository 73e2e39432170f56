"""Rounds let a server draw where there is one; when it fails, nothing is lost and it is said."""

import json
import logging

import pytest
from django.urls import reverse

from annotation.models import Completion
from annotation.tasking import add_prompt
from tests.cast import make_cast
from tests.training.test_rounds import QUICK, finish, rank, start
from tests.training.vllm_server import serving
from training import jobs, sampling_server
from training.backbones import backbone
from training.engine.config import SamplingSettings
from training.engine.full import copy_of, write
from training.models import Job, Policy, Round
from training.policies import adapter_folder, add_candidate, artefact_folder, ensure_base
from training.samples import draw, seed_of
from training.selectors import steps_of
from training.simulate import PROMPTS

pytestmark = pytest.mark.django_db
KEY = "a-key-that-nobody-reads"
SETTINGS = SamplingSettings(max_new_tokens=8, temperature=0.7)


@pytest.fixture(autouse=True)
def fresh(monkeypatch):
    """No failure is remembered, and none is waited for."""
    monkeypatch.setattr(sampling_server._Failure, "reason", "")
    monkeypatch.setattr(sampling_server._Failure, "until", 0.0)
    monkeypatch.setattr(sampling_server, "RETRIES", 0)


@pytest.fixture
def server(tiny_model, settings):
    with serving("tiny", KEY) as served:
        settings.SAMPLING_SERVER_URL = served.url
        settings.SAMPLING_SERVER_KEY = KEY
        settings.SAMPLING_SERVER_MODEL = "tiny"
        yield served


@pytest.fixture
def cast(server):
    return make_cast()


@pytest.fixture
def lease(cast):
    jobs.ask("samples", "drawing", project=cast.project)
    return jobs.claim("gpu")


def prompts_of(cast, count=2):
    lines = PROMPTS.read_text().splitlines()[:count]
    return [add_prompt(cast.project, json.loads(line)["prompt"])[0] for line in lines]


def adapter(cast, seed):
    """A candidate with an adapter of its own."""
    from training.engine import adapters
    from training.engine.config import LoraSettings

    base, name = ensure_base(cast.project), f"adapter-{seed}"
    model, lora = backbone().model, LoraSettings(rank=2)
    adapters.add(model, "made", lora, seed)
    about = {"trunk_sha256": backbone().trunk_sha256}
    sha256 = adapters.write(model, "made", artefact_folder(name), lora, about)
    adapters.remove(model, "made")
    return add_candidate(base, artefact=name, manifest_sha256=sha256, metrics={})


def whole_model(cast):
    about = {"trunk_sha256": backbone().trunk_sha256}
    sha256 = write(copy_of(backbone()), artefact_folder("whole"), about)
    return add_candidate(
        ensure_base(cast.project), artefact="whole", manifest_sha256=sha256, metrics={}
    )


def drawn(policy):
    return Completion.objects.filter(source=policy.source)


def engines(policy):
    return {each.settings.get("engine", "here") for each in drawn(policy)}


def warning(lease):
    return Job.objects.get(pk=lease.job.pk).warning


def test_an_adapter_is_loaded_there_and_drawn_from_by_the_samples_seeds(cast, server, lease):
    policy, prompts = adapter(cast, 1), prompts_of(cast)
    assert draw(lease, policy, prompts, 2, "p", SETTINGS)
    (name,) = server.adapters
    assert name.startswith(f"concord-{cast.project.slug}-v1-")
    assert server.adapters[name] == str(adapter_folder(policy))
    assert {each["model"] for each in server.completions()} == {name}
    wanted = {seed_of(policy, each, "p", SETTINGS, k) for each in prompts for k in range(2)}
    assert {each["seed"] for each in server.completions()} == wanted
    assert set(drawn(policy).values_list("seed", flat=True)) == wanted
    assert engines(policy) == {"server"}
    assert warning(lease) == ""


def test_log_probabilities_are_those_of_the_policy_here(cast, server, lease):
    from training.engine.scoring import completion_logprobs
    from training.engine.sequences import Encoded, encode_prompt

    policy, (prompt,) = adapter(cast, 1), prompts_of(cast, 1)
    draw(lease, policy, [prompt], 1, "p", SETTINGS)
    found = drawn(policy).get()
    row = Encoded(encode_prompt(backbone().tokenizer, prompt.messages), found.token_ids)
    with backbone().adapter(adapter_folder(policy)) as model:
        expected, _ = completion_logprobs(model, [row], backbone().pad_id, temperature=0.7)
    assert found.logprob == pytest.approx(expected.item(), abs=1e-4)
    assert found.token_ids[-1] == backbone().eos_id


def test_the_base_is_drawn_from_by_the_servers_name_for_it(cast, server, lease):
    policy = ensure_base(cast.project)
    draw(lease, policy, prompts_of(cast), 1, "p", SETTINGS)
    assert {each["model"] for each in server.completions()} == {"tiny"}
    assert server.adapters == {}


def test_an_adapter_that_is_there_is_used_as_it_is(cast, server, lease):
    policy, prompts = adapter(cast, 1), prompts_of(cast)
    draw(lease, policy, prompts[:1], 1, "p", SETTINGS)
    draw(lease, policy, prompts[1:], 1, "p", SETTINGS)
    assert engines(policy) == {"server"}
    assert warning(lease) == ""


def test_adapters_that_nobody_samples_any_more_are_taken_off(cast, server, lease):
    first, second = adapter(cast, 1), adapter(cast, 2)
    prompts = prompts_of(cast)
    server.adapters["somebody-elses"] = "/elsewhere"
    draw(lease, first, prompts, 1, "p", SETTINGS)
    Policy.objects.filter(pk=first.pk).update(state=Policy.State.REJECTED)
    draw(lease, second, prompts, 1, "p", SETTINGS)
    assert [each.split("-")[-2] for each in server.adapters if "concord" in each] == ["v2"]
    assert "somebody-elses" in server.adapters


def test_a_server_may_have_the_policies_under_names_of_its_own(cast, server, lease, settings):
    settings.SAMPLING_SERVER_POLICIES = "models/{policy}"
    policy = whole_model(cast)
    server.adapters[f"models/{cast.project.slug}-v1"] = "its own"
    draw(lease, policy, prompts_of(cast), 1, "p", SETTINGS)
    assert {each["model"] for each in server.completions()} == {f"models/{cast.project.slug}-v1"}
    assert engines(policy) == {"server"}


def test_adapters_may_lie_elsewhere_for_the_server(cast, server, lease, settings, tmp_path):
    policy = adapter(cast, 1)
    (tmp_path / "mounted").symlink_to(settings.ARTEFACTS_DIR)
    settings.SAMPLING_SERVER_FOLDER = str(tmp_path / "mounted")
    draw(lease, policy, prompts_of(cast), 1, "p", SETTINGS)
    assert list(server.adapters.values()) == [str(tmp_path / "mounted" / "adapter-1")]


def test_a_whole_model_is_drawn_from_here_and_the_server_still_asked_for_others(
    cast, server, lease
):
    policy, prompts = whole_model(cast), prompts_of(cast)
    draw(lease, policy, prompts, 1, "p", SETTINGS)
    assert engines(policy) == {"here"}
    assert "policy v1 is a whole model" in warning(lease)
    draw(lease, ensure_base(cast.project), prompts, 1, "p", SETTINGS)
    assert engines(ensure_base(cast.project)) == {"server"}


def choice(**about):
    return {"choices": [{"text": "so", "finish_reason": "stop", **about}]}


@pytest.mark.parametrize(
    ("code", "answer", "said"),
    [
        (200, "<html>", "not JSON"),
        (200, {"choices": []}, "does not answer as OpenAI's completions do"),
        (200, choice(text="\ud800"), "does not answer as OpenAI's completions do"),
        (200, choice(token_ids=[10**6]), "serves another model"),
        (200, choice(token_ids=[7] * 100), "answers with 100 tokens instead of 8"),
        (307, "", "refuses, 307"),
        (400, {"error": f"bad key {KEY}"}, "refuses, 400"),
        (503, "busy", "503: busy"),
    ],
    ids=str,
)
def test_whatever_it_answers_the_samples_are_there_and_it_is_said(
    cast, server, lease, caplog, code, answer, said
):
    server.completing = lambda body: (code, answer)
    policy, prompts = adapter(cast, 1), prompts_of(cast)
    with caplog.at_level(logging.WARNING):
        assert draw(lease, policy, prompts, 2, "p", SETTINGS)
    assert drawn(policy).count() == 4
    assert engines(policy) == {"here"}
    assert warning(lease).startswith("The sampling server could not be used, so samples were drawn")
    assert said in warning(lease)
    assert KEY not in warning(lease) + caplog.text


def test_a_wrong_key_is_not_shown(cast, server, lease, settings, caplog):
    settings.SAMPLING_SERVER_KEY = "another-key"
    draw(lease, adapter(cast, 1), prompts_of(cast), 1, "p", SETTINGS)
    assert "refuses" in warning(lease) or "does not load" in warning(lease)
    assert "another-key" not in warning(lease) + caplog.text


def test_a_server_that_loads_nothing_is_told_how_to(cast, server, lease):
    server.loads = False
    draw(lease, adapter(cast, 1), prompts_of(cast), 1, "p", SETTINGS)
    assert "VLLM_ALLOW_RUNTIME_LORA_UPDATING" in warning(lease)


def test_a_folder_that_it_does_not_see_is_named(cast, server, lease, settings):
    settings.SAMPLING_SERVER_FOLDER = "/nowhere"
    draw(lease, adapter(cast, 1), prompts_of(cast), 1, "p", SETTINGS)
    assert "does not load /nowhere/adapter-1" in warning(lease)


def test_what_came_before_it_failed_is_kept(cast, server, lease, monkeypatch):
    answers = iter(range(100))

    def twice(body):
        return server.complete(body) if next(answers) < 2 else (500, "gone")

    server.completing = twice
    policy = adapter(cast, 1)
    narrow = SamplingSettings(max_new_tokens=8, batch_rows=1)
    draw(lease, policy, prompts_of(cast), 2, "p", narrow)
    found = [each.settings.get("engine", "here") for each in drawn(policy)]
    assert sorted(found) == ["here", "here", "server", "server"]


def test_a_server_that_failed_is_left_alone_for_a_while(cast, server, lease, monkeypatch):
    server.completing = lambda body: (500, "gone")
    policy, prompts = ensure_base(cast.project), prompts_of(cast)
    draw(lease, policy, prompts[:1], 1, "p", SETTINGS)
    asked = len(server.asked)
    draw(lease, policy, prompts[1:], 1, "p", SETTINGS)
    assert len(server.asked) == asked
    server.completing = server.complete
    monkeypatch.setattr(sampling_server._Failure, "until", 0.0)
    draw(lease, policy, prompts, 1, "again", SETTINGS)
    assert len(server.asked) > asked


def test_what_somebody_watches_is_drawn_here(cast, server, lease):
    policy = ensure_base(cast.project)
    draw(lease, policy, prompts_of(cast), 1, "p", SETTINGS, on_growth=lambda grown: None)
    assert server.asked == []
    assert engines(policy) == {"here"}


@pytest.fixture
def ready(cast):
    rank(cast, 24)
    prompts_of(cast, 12)
    return cast


def test_a_round_runs_on_a_server(ready, server):
    round = finish(start(ready))
    assert round.state == Round.State.DONE, round.outcome
    assert round.policy is not None
    assert engines(round.policy) == {"server"}
    assert not any(step.warning for step in steps_of(round))


def test_a_round_whose_server_is_down_ends_and_its_page_says_why(ready, server, settings, client):
    settings.SAMPLING_SERVER_URL = "http://127.0.0.1:9/v1"
    round = finish(start(ready, evaluation_samples=QUICK["evaluation_samples"]))
    assert round.state == Round.State.DONE, round.outcome
    assert engines(round.policy) == {"here"}
    client.force_login(ready.manager)
    page = client.get(reverse("round", args=[ready.project.slug, round.number]))
    said = page.content.decode()
    assert "The sampling server could not be used, so samples were drawn here" in said
    assert KEY not in said

"""compose.yaml and Dockerfile, held to rules that a container engine does not know."""

import fnmatch
import json
import re

import pytest

from tests.webapp.containers import (
    ROOT,
    interpolate,
    read_compose,
    read_dockerfile,
    service_command,
    service_environment,
    variables,
    words,
)
from tests.webapp.test_docs import variables_explained

COMPOSE = read_compose()
SERVICES = COMPOSE["services"]
STAGES = read_dockerfile()
OURS = {name: each for name, each in SERVICES.items() if "build" in each}
ONCE = {"migrate", "base-model"}
SECRETS = {"SECRET_KEY": "k" * 64, "POSTGRES_PASSWORD": "p" * 64}


def lineage(name):
    """A stage and those it is built on."""
    while name in STAGES:
        yield STAGES[name]
        name = STAGES[name].base


# --- Dockerfile -----------------------------------------------------------------------------


def test_every_image_comes_from_one_pinned_release():
    outside = {stage.base for stage in STAGES.values()} - STAGES.keys()

    assert outside == {"python:3.11-slim-bookworm"}


@pytest.mark.parametrize("target", ["web", "worker"])
class TestImage:
    def test_it_runs_as_nobody_in_particular(self, target):
        assert STAGES[target].all("USER") == ["concord"]
        assert any("useradd" in run for each in lineage(target) for run in each.all("RUN"))

    def test_nothing_is_run_after_the_user_is_changed(self, target):
        names = [word for word, _ in STAGES[target].instructions]

        assert not {"RUN", "COPY"} & set(names[names.index("USER") :])

    def test_its_command_is_started_without_a_shell(self, target):
        (command,) = STAGES[target].all("CMD")

        assert json.loads(command)

    def test_it_keeps_no_secret(self, target):
        for stage in lineage(target):
            for kept in stage.all("ENV") + stage.all("ARG"):
                assert not re.search("SECRET|PASSWORD|TOKEN|KEY", kept)


def test_the_web_image_installs_the_web_requirements_alone():
    (copied,) = STAGES["web"].all("COPY")

    assert copied == "--from=web-packages /opt/venv /opt/venv"
    installed = [run for each in lineage("web-packages") for run in each.all("RUN")]
    assert [run for run in installed if "pip install" in run] == [
        "pip install --requirement requirements-web.txt"
    ]


def test_the_worker_image_installs_everything():
    (copied,) = STAGES["worker"].all("COPY")

    assert copied == "--from=worker-packages /opt/venv /opt/venv"
    assert "pip install --requirement requirements.txt" in STAGES["worker-packages"].all("RUN")


def test_files_are_copied_never_added():
    assert not [each for stage in STAGES.values() for each in stage.all("ADD")]


def test_what_is_copied_exists_and_is_not_ignored():
    ignored = (ROOT / ".dockerignore").read_text().splitlines()
    let_in = [line.removeprefix("!") for line in ignored if line.startswith("!")]

    assert ignored[0] == "*"
    for stage in STAGES.values():
        for copied in stage.all("COPY"):
            *sources, _ = words(copied)
            for source in sources:
                if copied.startswith("--from"):
                    continue
                assert (ROOT / source).exists(), source
                assert any(fnmatch.fnmatch(source, each) for each in let_in), source


def test_all_that_the_site_is_made_of_is_copied():
    copied = {
        word for stage in lineage("site") for each in stage.all("COPY") for word in words(each)
    }

    assert {"annotation", "training", "webapp", "templates", "locale", "manage.py"} <= copied
    assert "tests" not in copied


# --- compose.yaml ---------------------------------------------------------------------------


def test_it_consists_of_these_services():
    assert set(SERVICES) == ONCE | {
        "web",
        "worker-default",
        "worker-gpu",
        "beat",
        "postgres",
        "redis",
    }


@pytest.mark.parametrize("name", SERVICES)
class TestService:
    def test_it_is_watched_unless_it_ends_by_itself(self, name):
        image_has_check = name == "web" and STAGES["web"].all("HEALTHCHECK")

        assert name in ONCE or image_has_check or SERVICES[name]["healthcheck"]["test"]

    def test_it_comes_back_unless_it_ends_by_itself(self, name):
        assert SERVICES[name]["restart"] == ("no" if name in ONCE else "unless-stopped")

    def test_what_it_waits_for_exists(self, name):
        for other, how in SERVICES[name].get("depends_on", {}).items():
            assert other in SERVICES
            ends = other in ONCE
            wanted = "service_completed_successfully" if ends else "service_healthy"
            assert how == {"condition": wanted}

    def test_its_volumes_are_declared(self, name):
        for volume in SERVICES[name]["volumes"]:
            assert volume.partition(":")[0] in COMPOSE["volumes"]

    def test_only_the_web_server_is_reached_from_outside_and_only_from_this_machine(self, name):
        ports = SERVICES[name].get("ports", [])

        assert [interpolate(each, {}) for each in ports] == (
            ["127.0.0.1:8000:8000"] if name == "web" else []
        )


@pytest.mark.parametrize("name", OURS)
class TestOwnService:
    def test_it_may_do_little(self, name):
        service = OURS[name]

        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert service["security_opt"] == ["no-new-privileges:true"]

    def test_its_image_is_a_target_of_the_dockerfile(self, name):
        target = OURS[name]["build"]["target"]

        assert target in ("web", "worker")
        assert OURS[name]["image"] == f"concord-{target}"

    def test_its_environment_is_explained(self, name):
        explained = {*variables_explained()[0], "GRANIAN_WORKERS"}

        assert set(OURS[name]["environment"]) <= explained

    @pytest.mark.parametrize("secret", SECRETS)
    def test_it_does_not_start_without_a_secret(self, name, secret):
        others = {each: value for each, value in SECRETS.items() if each != secret}

        with pytest.raises(KeyError, match=rf"Set {secret} in \.env"):
            service_environment(OURS[name], others)


def test_only_services_that_train_have_torch():
    with_torch = {name for name, each in OURS.items() if each["build"]["target"] == "worker"}

    assert with_torch == {"worker-gpu", "base-model"}


def test_each_queue_has_a_worker_that_does_one_thing_at_a_time():
    for queue in ("default", "gpu"):
        command = service_command(OURS[f"worker-{queue}"])
        assert command[command.index("--queues") + 1] == queue
        assert command[command.index("--pool") + 1] == "solo"


def test_redis_throws_nothing_away():
    command = " ".join(SERVICES["redis"]["command"])

    assert "--maxmemory-policy noeviction" in command
    assert "--appendonly yes" in command


def test_the_example_names_what_can_be_set_and_keeps_no_secret():
    text = (ROOT / ".env.example").read_text()
    example = dict(re.findall(r"^#?([A-Z_]+)=(.*)$", text, re.MULTILINE))

    assert set(example) == variables((ROOT / "compose.yaml").read_text())
    assert all(example[name] == "" for name in SECRETS)

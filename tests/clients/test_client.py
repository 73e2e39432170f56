"""The Python client against the site itself."""

import hashlib
import json
import zipfile
from datetime import timedelta

import httpx
import pytest
from django.utils import timezone
from huggingface_hub import constants
from knox.models import AuthToken

from annotation.choosing import Choice
from annotation.exporting import check_export
from annotation.models import Annotator, Assignment, Project, Submission, Task
from annotation.queue import claim
from annotation.snapshots import freeze
from annotation.submissions import submit
from annotation.tasking import make_gold
from concord_client import Conflict, Invalid, NotAllowed, NotFound, NotSignedIn
from concord_client.snapshots import Snapshot
from tests.annotation.working import answer
from tests.cast import full_ranking, give_task, make_judges
from tests.clients.conftest import Losing
from tests.hub_server import TOKEN, Hub

pytestmark = pytest.mark.django_db(transaction=True)


def rank_some(cast, count=3):
    (judge,) = make_judges(cast.project, 1)
    for number in range(count):
        give_task(cast.project, prompt=f"Question {number}?")
        assignment, _ = claim(judge)
        body = full_ranking(assignment.task)
        submit(assignment.pk, judge, body, key=f"{number}", origin="api")


def test_lists_come_page_by_page_to_the_last_row(cast, enter, monkeypatch):
    monkeypatch.setattr("concord_client.transport.PAGE", 2)
    rank_some(cast, 3)
    project = enter(cast.researcher).project("tides")
    assert len(list(project.prompts())) == 3
    assert [each["ranks"] is not None for each in project.rankings()] == [True] * 3
    pairs = list(project.pairs())
    assert len({each["id"] for each in pairs}) == 3 * 6


def test_filters_go_along(cast, enter):
    rank_some(cast, 2)
    project = enter(cast.researcher).project("tides")
    first = next(project.submissions())
    assert [each["id"] for each in project.submissions(task=first["task"])] == [first["id"]]


def test_gold_and_what_excluded_people_said_come_only_where_they_are_asked_for(cast, enter):
    rank_some(cast, 1)
    make_gold(Submission.objects.earliest("pk"))
    Project.objects.update(gold_share=1.0)
    answer(cast.judge)
    Annotator.objects.update(excluded=True)
    project = enter(cast.researcher).project("tides")
    assert list(project.rankings()) == []
    assert len(list(project.rankings(excluded=True))) == 1
    (row,) = project.rankings(purpose="gold", excluded="any")
    assert (row["purpose"], row["excluded"]) == ("gold", True)


def test_ones_projects_are_listed(cast, enter):
    assert [each["slug"] for each in enter(cast.annotator).projects()] == ["tides"]


def test_a_snapshot_becomes_a_dataset(cast, enter, tmp_path):
    rank_some(cast, 3)
    freeze(cast.project, "v1", Choice(), by=cast.researcher)
    snapshot = enter(cast.researcher).project("tides").snapshot("v1")
    found = snapshot.to_dataset(cache=tmp_path)
    rows = [row for split in found.values() for row in split]
    assert len(snapshot) == 3
    assert len(rows) == 3 * 6
    assert {"prompt", "chosen", "rejected"} <= rows[0].keys()


def test_an_export_is_a_whole_file_with_the_same_bytes_each_time(cast, enter, tmp_path):
    rank_some(cast, 2)
    snapshot = enter(cast.researcher).project("tides").freeze("v1")
    files = [snapshot.export("trl", tmp_path / name) for name in ("one", "two")]
    first, second = (hashlib.sha256(file.read_bytes()).hexdigest() for file in files)
    assert first == second
    assert len(files[0].read_text().splitlines()) == 2 * 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["one", "two"]


def test_an_exports_manifest_tells_its_hash_and_who_signed_it(cast, enter, tmp_path):
    rank_some(cast, 2)
    snapshot = enter(cast.researcher).project("tides").freeze("v1")
    file = snapshot.export("trl", tmp_path / "pairs.jsonl")
    said = snapshot.manifest("trl")
    assert said["sha256"] == hashlib.sha256(file.read_bytes()).hexdigest()
    (tmp_path / "pairs.jsonl.manifest.json").write_text(json.dumps(said))
    assert check_export(tmp_path / "pairs.jsonl.manifest.json") == said


def test_a_download_whose_reply_is_lost_is_begun_again(cast, enter, tmp_path):
    rank_some(cast, 1)
    freeze(cast.project, "v1", Choice(), by=cast.researcher)
    losing = Losing("GET", 0)
    snapshot = enter(cast.researcher, losing).project("tides").snapshot("v1")
    losing.left = 2
    path = snapshot.export("rankings", tmp_path / "out.jsonl")
    assert "ranks" in json.loads(path.read_text())


class Shortening(httpx.HTTPTransport):
    """Ends a download early, as a site would that died in the middle of one without a length."""

    left = 1

    def __init__(self, format="rankings"):
        super().__init__()
        self.format = format

    def handle_request(self, request):
        reply = super().handle_request(request)
        if not request.url.path.endswith(f"/exports/{self.format}/") or not self.left:
            return reply
        self.left -= 1
        return httpx.Response(200, content=reply.read()[:-1])


def test_a_download_that_came_without_its_digest_is_held_against_the_manifest(
    cast, enter, tmp_path
):
    rank_some(cast, 2)
    freeze(cast.project, "v1", Choice(), by=cast.researcher)
    shortening = Shortening()
    snapshot = enter(cast.researcher, shortening).project("tides").snapshot("v1")
    path = snapshot.export("rankings", tmp_path / "out.jsonl")
    assert shortening.left == 0
    assert len([json.loads(line) for line in path.read_text().splitlines()]) == 2


def test_a_zip_that_came_without_its_digest_is_held_against_its_own_manifest(cast, enter, tmp_path):
    rank_some(cast, 2)
    freeze(cast.project, "v1", Choice(), by=cast.researcher)
    shortening = Shortening("hf")
    snapshot = enter(cast.researcher, shortening).project("tides").snapshot("v1")
    path = snapshot.export("hf", tmp_path / "out.zip")
    assert shortening.left == 0
    with zipfile.ZipFile(path) as archive:
        assert archive.testzip() is None


def test_a_zip_whose_token_ended_as_it_came_is_whole(cast, enter, tmp_path):
    """It proves itself: nobody need be asked."""
    rank_some(cast, 1)
    freeze(cast.project, "v1", Choice(), by=cast.researcher)
    ending = Ending()
    snapshot = enter(cast.researcher, ending).project("tides").snapshot("v1")
    assert zipfile.is_zipfile(snapshot.export("hf", tmp_path / "out.zip"))
    assert not AuthToken.objects.filter(expiry__gt=timezone.now()).exists()


class Ending(httpx.HTTPTransport):
    """While a download comes, its token ends."""

    def handle_request(self, request):
        reply = super().handle_request(request)
        if "/exports/" in request.url.path:
            AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
        return reply


def test_one_split_is_exported_alone(cast, enter, tmp_path):
    rank_some(cast, 1)
    split = Task.objects.get().prompt.split
    snapshot = enter(cast.researcher).project("tides").freeze("v1")
    file = snapshot.export("trl", tmp_path / "one", split=split)
    assert len(file.read_text().splitlines()) == 6
    assert snapshot.manifest("trl", split=split)["part"] == split
    other = "train" if split != "train" else "test"
    with pytest.raises(Invalid, match=f"nothing of the split {other}"):
        snapshot.export("trl", tmp_path / "other", split=other)


class Breaking(httpx.HTTPTransport):
    """Breaks a download off in its middle, and meanwhile the token ends."""

    broken = 0

    def handle_request(self, request):
        reply = super().handle_request(request)
        if "/exports/" not in request.url.path or not reply.is_success:
            return reply
        self.broken += 1
        whole = reply.read()
        AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
        return httpx.Response(200, headers=reply.headers, stream=Half(whole))


class Half(httpx.SyncByteStream):
    def __init__(self, whole):
        self.whole = whole

    def __iter__(self):
        yield self.whole[: len(self.whole) // 2]
        raise httpx.ReadError("connection reset")


def test_a_token_that_ends_in_mid_download_is_one_line_and_leaves_no_file(cast, enter, tmp_path):
    rank_some(cast, 1)
    freeze(cast.project, "v1", Choice(), by=cast.researcher)
    breaking = Breaking()
    snapshot = enter(cast.researcher, breaking).project("tides").snapshot("v1")
    with pytest.raises(NotSignedIn) as caught:
        snapshot.export("rankings", tmp_path / "out.jsonl")
    assert str(caught.value).startswith("This token expired on ")
    assert "\n" not in str(caught.value)
    assert (breaking.broken, list(tmp_path.iterdir())) == (1, [])


def test_an_export_asked_by_one_who_may_not_is_one_line_and_leaves_no_file(cast, enter, tmp_path):
    rank_some(cast, 1)
    freeze(cast.project, "v1", Choice(), by=cast.researcher)
    snapshot = enter(cast.researcher).project("tides").snapshot("v1")
    for user, kind in ((cast.annotator, NotAllowed), (cast.outsider, NotFound)):
        barred = Snapshot(enter(user)._transport, "projects/tides/", snapshot.row)
        with pytest.raises(kind) as caught:
            barred.export("parquet", tmp_path / "out.parquet")
        assert "\n" not in str(caught.value)
    assert list(tmp_path.iterdir()) == []


def test_a_snapshot_is_pushed_to_a_hub_with_the_hubs_token(cast, enter, monkeypatch):
    monkeypatch.setattr(constants, "HF_HUB_DISABLE_XET", True)
    rank_some(cast, 3)
    snapshot = enter(cast.researcher).project("tides").freeze("v1")
    with Hub().open() as hub:
        monkeypatch.setattr(constants, "ENDPOINT", hub.url)
        address = snapshot.push_to_hub("lab/tides", token=TOKEN)
    assert address == f"{hub.url}/datasets/lab/tides"
    held = hub.sets["lab/tides"]
    manifest = json.loads(held["manifest.json"])
    assert manifest["snapshot_sha256"] == snapshot.sha256
    for file in manifest["files"]:
        assert hashlib.sha256(held[file["path"]]).hexdigest() == file["sha256"]
    assert hub.private["lab/tides"] is True


def test_a_format_that_is_unknown_leaves_no_file(cast, enter, tmp_path):
    rank_some(cast, 1)
    snapshot = enter(cast.researcher).project("tides").freeze("v1")
    with pytest.raises(Invalid, match="is not known"):
        snapshot.export("word", tmp_path / "out")
    assert list(tmp_path.iterdir()) == []


def test_a_task_is_claimed_and_ranked(cast, enter):
    give_task(cast.project, "a", "b", "c")
    project = enter(cast.annotator).project("tides")
    work = project.claim()
    assert project.claim().row["id"] == work.row["id"]
    assert work.rank([2, 1, 2])["pairs"] == 2
    assert project.claim() is None


def test_an_answer_whose_reply_is_lost_is_stored_once(cast, enter):
    give_task(cast.project, "a", "b")
    losing = Losing("POST", 0)
    work = enter(cast.annotator, losing).project("tides").claim()
    losing.left, losing.keys = 2, []
    receipt = work.rank([1, 2])
    assert losing.keys == [work.key] * 3
    assert [each.pk for each in Submission.objects.all()] == [receipt["id"]]


def test_a_skip_whose_reply_is_lost_is_done(cast, enter):
    give_task(cast.project, "a", "b")
    losing = Losing("POST", 0)
    work = enter(cast.annotator, losing).project("tides").claim()
    losing.left = 1
    work.skip("other")
    assert Assignment.objects.get(pk=work.row["id"]).state == "skipped"


def test_a_skip_of_a_task_that_is_not_held_is_refused(cast, enter):
    give_task(cast.project, "a", "b")
    work = enter(cast.annotator).project("tides").claim()
    work.skip()
    with pytest.raises(Conflict):
        work.skip()


def test_prompts_sent_twice_are_added_once(cast, enter):
    project = enter(cast.manager).project("tides")
    rows = ["Why?", {"prompt": "How?", "completions": [{"text": "x"}, {"text": "y"}]}]
    assert [each["created"] for each in project.add_prompts(rows)] == [True, True]
    assert [each["created"] for each in project.add_prompts(rows)] == [False, False]


def test_rankings_are_sent_in_parts_and_again_add_nothing(cast, enter, monkeypatch):
    monkeypatch.setattr("concord_client.projects.AT_ONCE", 2)
    losing = Losing("POST", 0)
    project = enter(cast.manager, losing).project("tides")
    rows = [{"prompt": f"{n}?", "chosen": "a", "rejected": "b"} for n in range(5)]
    losing.left = 1
    assert project.add_rankings(iter(rows)) < 5  # of those whose reply was lost, it was not told
    assert Submission.objects.counted().count() == 5
    assert project.add_rankings(rows) == 0
    assert project.check_rankings([*rows, {"prompt": "?"}])["bad"] == 1


def test_a_token_that_ends_on_the_way_says_so_in_one_line(cast, enter, monkeypatch):
    monkeypatch.setattr("concord_client.transport.PAGE", 2)
    rank_some(cast, 3)
    rows = enter(cast.researcher, days=1).project("tides").prompts()
    next(rows)
    AuthToken.objects.update(expiry=timezone.now() - timedelta(seconds=1))
    with pytest.raises(NotSignedIn) as caught:
        list(rows)
    said = str(caught.value)
    assert said.startswith("After 2 rows: This token expired on ")
    assert "Make a new one" in said
    assert "\n" not in said


def test_refusals_carry_the_sites_sentence(cast, enter):
    with pytest.raises(NotAllowed, match="You need the role manager or researcher in Tides"):
        list(enter(cast.annotator).project("tides").pairs())
    with pytest.raises(NotAllowed, match="scope is read; this needs annotate") as caught:
        enter(cast.annotator, scope="read").project("tides").claim()
    assert (caught.value.status, caught.value.code) == (403, "scope")
    with pytest.raises(NotFound):
        enter(cast.outsider).project("tides").about()
    with pytest.raises(NotFound, match="no snapshot 'v9' in the project tides"):
        enter(cast.researcher).project("tides").snapshot("v9")

"""The pages on which researchers choose, freeze, compare and take away data."""

import csv
import io
import json
import zipfile

import pytest

from annotation.choosing import Choice
from annotation.exporting import check_export
from annotation.models import AuditEntry, Snapshot, Submission
from annotation.pairs import Ties
from annotation.snapshots import freeze
from annotation.submissions import withdraw
from tests.annotation.working import answer_all, give_tasks
from tests.cast import make_cast

PAGE = "/projects/tides/data/"

pytestmark = pytest.mark.django_db


@pytest.fixture
def answered(cast, judges):
    give_tasks(cast, 3)
    answer_all(judges[0])
    return list(Submission.objects.order_by("pk"))


@pytest.fixture
def researcher(cast, client):
    client.force_login(cast.researcher)
    return client


def text(reply):
    return reply.content.decode()


def test_choosing_counts_and_freezes_nothing(answered, researcher):
    page = text(researcher.get(PAGE, {"count": 1, "origins": "api"}))
    assert "Freeze these 3" in page
    assert not Snapshot.objects.exists()


def test_what_was_counted_is_what_is_frozen(cast, answered, researcher):
    form = {"name": "for the paper", "origins": ["api"], "ties": "soft", "licence": "cc0-1.0"}
    reply = researcher.post(PAGE, form)
    snapshot = Snapshot.objects.get()
    assert reply["Location"] == f"{PAGE}{snapshot.pk}/"
    assert snapshot.filters == {"kinds": ["compare", "rank"], "origins": ["api"], "ties": "soft"}
    assert (snapshot.size, snapshot.licence) == (3, "CC0-1.0")
    assert "CC0-1.0" in text(researcher.get(reply["Location"]))
    assert snapshot.agreement is not None
    assert snapshot.agreement["rankings"] == 3
    assert AuditEntry.objects.get(verb="snapshot.frozen").actor == f"user:{cast.researcher.pk}"


@pytest.mark.parametrize(
    ("sent", "words"),
    [
        ({"origins": ["screen"]}, "These filters match nothing"),
        ({"since": "2026-02-01", "until": "2026-01-01"}, "must be later than since"),
        ({"minimum_agreement": "2"}, "less than or equal to 1"),
        ({"name": "round-9"}, "are for rounds"),
        ({"licence": "free"}, "SPDX knows no such identifier"),
        ({"name": "taken"}, "exists already"),
        ({"name": ""}, "This field is required"),
    ],
)
def test_what_does_not_fit_is_said_and_nothing_is_frozen(cast, answered, researcher, sent, words):
    freeze(cast.project, "taken")
    reply = researcher.post(PAGE, {"name": "new"} | sent)
    assert reply.status_code == 400
    assert words in text(reply)
    assert Snapshot.objects.count() == 1


def test_a_snapshot_says_what_was_withdrawn_from_it_since(cast, answered, researcher):
    snapshot = freeze(cast.project, "first")
    other = freeze(cast.project, "other")
    withdraw(answered[0], by=cast.manager, reason="asked to")
    page = text(researcher.get(f"{PAGE}{snapshot.pk}/"))
    assert "1 of its answers was withdrawn since" in page
    assert "withdrawn since" in text(researcher.get(f"{PAGE}{other.pk}/"))
    assert text(researcher.get(PAGE)).count('<span class="state failed">1</span>') == 2


def test_a_snapshot_is_downloaded_in_a_format(cast, answered, researcher):
    snapshot = freeze(cast.project, "first")
    reply = researcher.get(f"{PAGE}{snapshot.pk}/download/rankings/")
    rows = [json.loads(line) for line in reply.getvalue().splitlines()]
    assert len(rows) == 3
    assert rows[0]["annotator"] != answered[0].annotator.pseudonym
    assert (
        reply["Content-Disposition"] == f'attachment; filename="tides-{snapshot.pk}-rankings.jsonl"'
    )
    again = researcher.get(f"{PAGE}{snapshot.pk}/download/rankings/")
    assert again["Repr-Digest"].startswith("sha-256=:")


def test_the_manifest_of_a_download_lies_beside_it(cast, answered, researcher, tmp_path):
    snapshot = freeze(cast.project, "first")
    for part in ("", "manifest/"):
        reply = researcher.get(f"{PAGE}{snapshot.pk}/download/trl/{part}")
        name = reply["Content-Disposition"].split('"')[1]
        (tmp_path / name).write_bytes(reply.getvalue() if reply.streaming else reply.content)
    check_export(tmp_path / f"tides-{snapshot.pk}-trl.jsonl.manifest.json")
    assert f"{PAGE}{snapshot.pk}/download/trl/manifest/" in text(
        researcher.get(f"{PAGE}{snapshot.pk}/")
    )


def test_a_folder_is_downloaded_as_the_same_zip_each_time(cast, answered, researcher):
    snapshot = freeze(cast.project, "first")
    first, again = (
        researcher.get(f"{PAGE}{snapshot.pk}/download/hf/").getvalue() for _ in range(2)
    )
    names = {name.partition("/")[2] for name in zipfile.ZipFile(io.BytesIO(first)).namelist()}
    assert {"README.md", "croissant.json", "manifest.json"} <= names
    assert first == again


def test_a_split_is_downloaded_alone(cast, answered, researcher):
    snapshot = freeze(cast.project, "first")
    split = answered[0].task.prompt.split
    link = f"{PAGE}{snapshot.pk}/download/csv/?split={split}"
    assert f'href="{link}"' in text(researcher.get(f"{PAGE}{snapshot.pk}/"))
    reply = researcher.get(link)
    assert f'-csv-{split}.csv"' in reply["Content-Disposition"]
    rows = list(csv.DictReader(io.StringIO(reply.getvalue().decode())))
    assert {row["split"] for row in rows} == {split}


@pytest.mark.parametrize("address", ["download/trl/", "download/trl/manifest/"])
def test_a_parameter_that_a_download_does_not_know_is_refused_in_a_line(
    cast, answered, researcher, address
):
    snapshot = freeze(cast.project, "first")
    reply = researcher.get(f"{PAGE}{snapshot.pk}/{address}?tie=keep", follow=True)
    assert "tie: unknown parameter. Known: split." in text(reply)
    assert not AuditEntry.objects.filter(verb="preferences.exported").exists()


def test_the_page_says_how_large_a_file_is_once_that_is_known(cast, answered, researcher):
    snapshot = freeze(cast.project, "first")
    page = f"{PAGE}{snapshot.pk}/"
    sent = researcher.get(f"{page}download/csv/").getvalue()
    zipped = researcher.get(f"{page}download/hf/").getvalue()
    sizes = {each["name"]: each["bytes"] for each in researcher.get(page).context["formats"]}
    assert (sizes["csv"], sizes["hf"], sizes["trl"]) == (len(sent), len(zipped), None)


def test_a_format_that_holds_nothing_of_it_says_so(cast, answered, researcher):
    snapshot = freeze(cast.project, "first")
    for format in ("sft", "nonsense"):
        reply = researcher.get(f"{PAGE}{snapshot.pk}/download/{format}/", follow=True)
        assert reply.status_code == 200
    assert "is not known" in text(reply)


def test_two_snapshots_are_compared(cast, judges, answered, researcher):
    first = freeze(cast.project, "first")
    withdraw(answered[0], by=cast.manager, reason="asked to")
    answer_all(judges[1])
    second = freeze(cast.project, "second")
    reply = researcher.get(f"{PAGE}{first.pk}/", {"other": second.pk})
    assert reply["Location"] == f"{PAGE}{first.pk}/against/{second.pk}/"
    page = text(researcher.get(reply["Location"]))
    for words in (
        "<dt>In both</dt><dd>2</dd>",
        "<dt>Gone</dt><dd>1</dd>",
        "<dt>New</dt><dd>3</dd>",
    ):
        assert words in page


def test_another_projects_snapshot_is_not_found(cast, answered, researcher):
    snapshot = freeze(cast.project, "first")
    make_cast("other")
    for address in ("", "download/rankings/", f"against/{snapshot.pk}/"):
        reply = researcher.get(f"/projects/other/data/{snapshot.pk}/{address}")
        assert reply.status_code == 404


@pytest.mark.parametrize("snapshots", [1, 5])
def test_the_list_asks_as_often_for_many_as_for_one(
    cast, answered, researcher, snapshots, django_assert_max_num_queries
):
    for number in range(snapshots):
        freeze(cast.project, f"snapshot {number}")
    with django_assert_max_num_queries(12):
        researcher.get(PAGE)


def test_snapshots_that_go_out_otherwise_are_not_called_the_same(cast, answered, researcher):
    plain = freeze(cast.project, "plain")
    soft = freeze(cast.project, "soft", Choice(ties=Ties.SOFT), licence="CC-BY-4.0")
    page = text(researcher.get(f"{PAGE}{plain.pk}/against/{soft.pk}/"))
    assert "They hold the same answers, but do not go out alike." in page
    assert "Give tied pairs a soft label of 0.5" in page
    assert "CC-BY-4.0" in page
    again = freeze(cast.project, "again")
    alike = text(researcher.get(f"{PAGE}{plain.pk}/against/{again.pk}/"))
    assert "They hold the same answers on the same terms" in alike
    assert "Filters and terms that differ" not in alike

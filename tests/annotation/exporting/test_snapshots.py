"""A snapshot goes out as it was frozen, the same bytes each time, under names of its own."""

import json

import pytest
import yaml

from annotation.choosing import Choice
from annotation.errors import Conflict, Invalid
from annotation.exporting import NAMES, Terms, check_export, downloads, export, streams
from annotation.exporting.downloads import download, manifest_of
from annotation.importing import Options, import_rankings
from annotation.models import Project, Snapshot
from annotation.pairs import Ties
from annotation.repeats import make_ready
from annotation.snapshots import difference, freeze, withdrawn_from
from annotation.submissions import submit, withdraw
from tests.annotation.interchange import ranking, read
from tests.annotation.working import answer, answer_all, give_tasks, held
from tests.cast import full_ranking


@pytest.fixture
def frozen(cast, take_in):
    take_in(ranking(annotator="ann"))
    give_tasks(cast, 3)
    answer_all(cast.judge)
    return freeze(cast.project, "first", measured=True)


def contents(folder):
    """All bytes below the folder, manifests aside."""
    return {
        str(path.relative_to(folder)): path.read_bytes()
        for path in sorted(folder.rglob("*"))
        if path.is_file() and "manifest" not in path.name
    }


def write_all(project, folder, snapshot):
    folder.mkdir()
    for format in set(NAMES) - {"hf"}:
        export(project, format, folder / format, Terms(snapshot=snapshot))
    export(project, "hf", folder / "hf", Terms(snapshot=snapshot))
    return contents(folder)


def test_it_exports_the_same_bytes_whatever_comes_later(cast, frozen, tmp_path, judges):
    before = write_all(cast.project, tmp_path / "before", frozen)
    withdraw(frozen.submissions.order_by("pk").last(), by=cast.manager, reason="asked to")
    answer_all(judges)
    assert write_all(cast.project, tmp_path / "after", frozen) == before


def downloaded(project, format, snapshot):
    return b"".join(download(project, format, Terms(snapshot=snapshot)))


def called(project, format, snapshot):
    return download(project, format, Terms(snapshot=snapshot))["Content-Disposition"]


def told(project, format, snapshot):
    return manifest_of(project, format, Terms(snapshot=snapshot)).as_json()


@pytest.mark.parametrize("format", sorted(NAMES))
def test_a_download_is_the_same_whatever_the_project_is_called_later(cast, frozen, format):
    before = downloaded(cast.project, format, frozen)
    named, said = (made_of(cast.project, format, frozen) for made_of in (called, told))
    Project.objects.update(name="Dunes", slug="dunes", traits={"Home": ["Sea", "Land"]})
    project, snapshot = Project.objects.get(), Snapshot.objects.get()
    assert downloaded(project, format, snapshot) == before
    assert called(project, format, snapshot) == named
    assert told(project, format, snapshot) == said


def test_it_says_what_was_asked_of_people_when_it_was_frozen(cast, frozen, tmp_path):
    Project.objects.update(name="Dunes", traits={"Home": ["Sea", "Land"]})
    later = freeze(cast.project, "later")
    assert (frozen.title, frozen.traits) == ("Tides", [])
    assert (later.title, later.traits) == ("Dunes", ["Home"])


@pytest.fixture
def repeated(cast, monkeypatch):
    """A snapshot of a ranking that the same person has repeated, and turned around."""
    monkeypatch.setattr("annotation.placement.REPEAT_AFTER", 0)
    give_tasks(cast, 1)
    answer(cast.judge)
    Project.objects.update(repeat_share=1.0)
    make_ready(cast.judge)
    again = held(cast.judge)
    body = full_ranking(again.task, 4, 3, 2, 1)
    submit(again.pk, cast.judge, body, key="again", origin="api")
    return freeze(cast.project, "repeated", measured=True)


def test_its_card_says_how_people_agree_with_themselves(cast, repeated, tmp_path):
    assert repeated.size == 1
    assert repeated.agreement["figures"]["self_agreement"]["value"] == 0
    assert "gold" not in repeated.agreement["figures"]
    export(cast.project, "hf", tmp_path / "out", Terms(snapshot=repeated))
    text = (tmp_path / "out/README.md").read_text()
    assert "| The same person prefers the same again | 0.000 |" in text


def test_repeats_of_what_it_does_not_hold_are_none_of_its_own(cast, repeated, take_in, tmp_path):
    take_in(ranking(annotator="ann"))
    imported = freeze(cast.project, "imported", Choice(origins=("import",)), measured=True)
    export(cast.project, "hf", tmp_path / "out", Terms(snapshot=imported))
    text = (tmp_path / "out/README.md").read_text()
    assert "None of these tasks was done twice by one person." in text


def test_of_the_manifest_only_the_withdrawals_change(cast, frozen, tmp_path):
    before = export(cast.project, "hf", tmp_path / "a", Terms(snapshot=frozen)).as_dict()
    withdraw(frozen.submissions.order_by("pk").last(), by=cast.manager, reason="asked to")
    after = export(cast.project, "hf", tmp_path / "a", Terms(snapshot=frozen)).as_dict()
    changed = {name for name, value in before.items() if after[name] != value}
    assert changed == {"withdrawn", "signature"}
    assert before["made_at"] == frozen.frozen_at.isoformat()


def said_of(folder):
    """The licence, as card, Croissant and manifest have it."""
    front = yaml.safe_load((folder / "README.md").read_text().split("---\n")[1])
    read = [json.loads((folder / name).read_text()) for name in ("croissant.json", "manifest.json")]
    return front["license"], read[0]["license"], read[1]["licence"]


def test_its_licence_is_frozen_with_it_and_said_by_all_that_goes_out(cast, take_in, tmp_path):
    take_in(ranking())
    snapshot = freeze(cast.project, "open", licence="cc-by-4.0")
    export(cast.project, "hf", tmp_path / "out", Terms(snapshot=snapshot))
    said = ("cc-by-4.0", "https://spdx.org/licenses/CC-BY-4.0", "CC-BY-4.0")
    assert said_of(tmp_path / "out") == said
    assert manifest_of(cast.project, "trl", Terms(snapshot=snapshot)).licence == "CC-BY-4.0"


def test_without_one_it_is_unknown_and_terms_of_ones_own_are_others(cast, take_in, tmp_path):
    take_in(ranking())
    snapshot = freeze(cast.project, "closed")
    export(cast.project, "hf", tmp_path / "out", Terms(snapshot=snapshot))
    assert said_of(tmp_path / "out") == ("unknown",) * 3
    mine = Terms(snapshot=snapshot, licence="LicenseRef-Lab")
    export(cast.project, "hf", tmp_path / "out", mine)
    assert said_of(tmp_path / "out") == ("other", "LicenseRef-Lab", "LicenseRef-Lab")


def test_a_licence_that_is_none_is_refused_before_anything_is_frozen(cast, take_in):
    take_in(ranking())
    with pytest.raises(Invalid, match="licence"):
        freeze(cast.project, "x", licence="free as in beer")
    assert not Snapshot.objects.exists()


def test_a_large_ones_manifest_comes_after_its_file(cast, frozen, monkeypatch):
    """To make the file takes longer than people wait for a page."""
    monkeypatch.setattr(downloads, "LARGE", 3)
    for format in ("trl", "hf"):
        with pytest.raises(Conflict, match="Download the file first"):
            told(cast.project, format, frozen)
        downloaded(cast.project, format, frozen)
        assert told(cast.project, format, frozen)


@pytest.mark.parametrize("format", ["trl", "csv", "parquet", "jsonl", "hf"])
def test_a_downloads_manifest_is_what_the_command_writes(cast, frozen, tmp_path, format):
    terms = Terms(snapshot=frozen)
    first = manifest_of(cast.project, format, terms).as_dict()
    written = export(cast.project, format, tmp_path / first["file"], terms).as_dict()
    assert first == written
    assert manifest_of(cast.project, format, terms).as_dict() == written


def test_a_manifest_is_told_without_writing_the_file_again(cast, frozen, monkeypatch):
    first = manifest_of(cast.project, "trl", Terms(snapshot=frozen))
    withdraw(frozen.submissions.order_by("pk").last(), by=cast.manager, reason="asked to")
    monkeypatch.setattr(streams, "manifest_of", None)
    again = manifest_of(cast.project, "trl", Terms(snapshot=frozen))
    assert (again.sha256, again.withdrawn, first.withdrawn) == (first.sha256, 1, 0)
    assert again.signature != first.signature


def test_another_policy_for_ties_is_not_taken_for_the_snapshots_own(cast, frozen, tmp_path):
    keep = Terms(snapshot=frozen, ties=Ties.KEEP)
    export(cast.project, "trl", tmp_path / "out", keep)
    own = manifest_of(cast.project, "trl", Terms(snapshot=frozen))
    assert own.ties == "drop"
    assert manifest_of(cast.project, "trl", keep).ties == "keep"


def test_a_file_and_its_manifest_may_take_another_name_together(cast, frozen, tmp_path):
    export(cast.project, "trl", tmp_path / "a", Terms(snapshot=frozen))
    (tmp_path / "a").rename(tmp_path / "b")
    (tmp_path / "a.manifest.json").rename(tmp_path / "b.manifest.json")
    check_export(tmp_path / "b.manifest.json")
    (tmp_path / "b").write_text("changed")
    with pytest.raises(Invalid, match="was changed"):
        check_export(tmp_path / "b.manifest.json")


@pytest.fixture
def judges(cast):
    from tests.cast import make_judges

    (judge,) = make_judges(cast.project, 1)
    return judge


def annotators(project, path, **terms):
    export(project, "rankings", path, Terms(**terms))
    return {row["annotator"] for row in read(path)}


def test_people_go_out_under_names_of_the_snapshot_and_imported_ones_keep_theirs(
    cast, frozen, tmp_path
):
    other = freeze(cast.project, "other")
    first = annotators(cast.project, tmp_path / "a", snapshot=frozen)
    second = annotators(cast.project, tmp_path / "b", snapshot=other)
    assert first & second == {"ann"}
    assert len(first) == len(second) == 2
    assert cast.judge.pseudonym not in first | second


def test_an_export_of_it_comes_back_as_the_same_bytes(cast, frozen, tmp_path):
    path = tmp_path / "a.jsonl"
    export(cast.project, "rankings", path, Terms(snapshot=frozen))
    import_rankings(path, "again", Options(create=True))
    export(Project.objects.get(slug="again"), "rankings", tmp_path / "b.jsonl")
    assert (tmp_path / "b.jsonl").read_bytes() == path.read_bytes()


def test_its_tie_policy_holds_unless_another_is_asked_for(cast, take_in, tmp_path):
    take_in(ranking())
    snapshot = freeze(cast.project, "soft", Choice(ties=Ties.SOFT))
    soft = export(cast.project, "trl", tmp_path / "a", Terms(snapshot=snapshot))
    drop = export(cast.project, "trl", tmp_path / "a", Terms(snapshot=snapshot, ties=Ties.DROP))
    assert (soft.rows, soft.ties, drop.rows, drop.ties) == (6, "soft", 5, "drop")


def test_the_manifest_names_it_and_says_what_was_withdrawn(cast, frozen, tmp_path):
    withdraw(frozen.submissions.order_by("pk").last(), by=cast.manager, reason="asked to")
    export(cast.project, "trl", tmp_path / "a", Terms(snapshot=frozen))
    said = json.loads((tmp_path / "a.manifest.json").read_text())
    assert said["snapshot"] == "first"
    assert said["snapshot_sha256"] == frozen.sha256
    assert said["withdrawn"] == 1


def test_withdrawals_mark_the_snapshots_that_hold_them_only(cast, frozen, judges):
    mine = frozen.submissions.order_by("pk").last()
    without = freeze(cast.project, "imported", Choice(origins=("import",)))
    withdraw(mine, by=cast.manager, reason="x")
    assert withdrawn_from([frozen, without]) == {frozen.pk: 1}


def test_a_difference_says_what_is_gone_and_what_is_new(cast, frozen, judges):
    imported = freeze(cast.project, "imported", Choice(origins=("import",)))
    answer_all(judges)
    later = freeze(cast.project, "later")
    assert difference(frozen, imported).counts() == {
        "kept": 1, "lost": 3, "gained": 0, "revised": 0,
    }  # fmt: skip
    assert difference(imported, later).counts()["gained"] == 6
    assert difference(frozen, frozen).counts() == {
        "kept": 4, "lost": 0, "gained": 0, "revised": 0,
    }  # fmt: skip

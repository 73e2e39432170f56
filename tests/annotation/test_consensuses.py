"""A snapshot of the consensus: one ranking for each task, stored as it was when it was frozen."""

import json
from typing import Any

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError
from django.db import DatabaseError, transaction

from annotation.choosing import Choice
from annotation.errors import Invalid
from annotation.exporting import FORMATS, Terms, check_export, export
from annotation.importing import import_rankings
from annotation.judged import judged
from annotation.models import Project, Snapshot, SnapshotConsensus, SnapshotItem, Submission
from annotation.quality.consensus import LEAST_WEIGHT
from annotation.snapshots import difference, freeze, snapshot_hash
from annotation.standing import Standing, change_standing
from annotation.submissions import submit, withdraw
from tests.annotation.interchange import read
from tests.annotation.working import held
from tests.cast import give_task, make_judges

pytestmark = pytest.mark.django_db
AGREED = Choice(consensus=True)


@pytest.fixture
def task(cast):
    return give_task(cast.project, "a", "b", "c", wanted=3)


@pytest.fixture
def people(cast):
    return make_judges(cast.project, 3)


def say(judge, *ranks, bad=()):
    """Rank the completions of the next task, by their slots."""
    assignment = held(judge)
    slots = [slot.completion for slot in assignment.task.slots.order_by("slot")]
    body = {
        "ranks": {str(each.uid): rank for each, rank in zip(slots, ranks, strict=True)},
        "unacceptable": [str(slots[at].uid) for at in bad],
    }
    return submit(assignment.pk, judge, body, key=f"{assignment.pk}", origin="api")


@pytest.fixture
def answered(task, people):
    say(people[0], 1, 2, 3)
    say(people[1], 1, 2, 3)
    say(people[2], 2, 1, 3)
    return task


def rows_of(cast, snapshot, format, tmp_path, **terms):
    export(cast.project, format, tmp_path / "out.jsonl", Terms(snapshot=snapshot, **terms))
    return read(tmp_path / "out.jsonl")


def test_it_holds_what_the_page_of_the_task_shows(cast, answered):
    snapshot = freeze(cast.project, "agreed", AGREED)
    (row,) = snapshot.consensus.all()
    places = {place.completion.pk: place for place in judged(answered).places}
    assert row.people == 3
    for pk, rank, worth in zip(row.completions, row.ranks, row.worths, strict=True):
        assert rank == places[pk].rank
        assert worth == pytest.approx(places[pk].worth, abs=1e-6)
    first, second, third = row.worths
    assert first > second > third
    assert 0.5 < row.sure[0] < row.sure[1] < 1


def test_it_leads_to_everybodys_own_rankings(cast, answered):
    snapshot = freeze(cast.project, "agreed", AGREED)
    (row,) = snapshot.consensus.all()
    given = list(Submission.objects.order_by("pk").values_list("pk", flat=True))
    assert row.answers == given
    assert (
        list(snapshot.items.order_by("submission_id").values_list("submission_id", flat=True))
        == given
    )


def test_of_one_person_it_is_their_ranking(cast, task, people):
    say(people[0], 2, 1, 2)
    (row,) = freeze(cast.project, "agreed", AGREED).consensus.all()
    assert (row.people, row.ranks) == (1, [2, 1, 2])


def test_what_most_call_unacceptable_shares_the_last_place(cast, task, people):
    say(people[0], 1, 2, 2, bad=(1, 2))
    say(people[1], 1, 3, 2, bad=(1,))
    say(people[2], 1, 3, 2, bad=(1,))
    (row,) = freeze(cast.project, "agreed", AGREED).consensus.all()
    assert row.unacceptable == [False, True, False]
    assert row.ranks == [1, 3, 2]


def test_whoever_counts_less_weighs_less(cast, task, people):
    say(people[0], 1, 2, 3)
    say(people[1], 3, 2, 1)
    (even,) = freeze(cast.project, "even", AGREED).consensus.all()
    assert even.ranks == [1, 1, 1]
    change_standing(people[1], Standing(weight=LEAST_WEIGHT), by=cast.manager)
    (uneven,) = freeze(cast.project, "uneven", AGREED).consensus.all()
    assert uneven.ranks == [1, 2, 3]


def test_other_kinds_of_tasks_have_none(cast, answered):
    with pytest.raises(Invalid, match="consensus: only rankings and comparisons have one"):
        freeze(cast.project, "agreed", Choice(kinds=("rank", "thumbs"), consensus=True))
    assert not Snapshot.objects.exists()


def test_the_hash_covers_it_and_is_found_again(cast, people, answered):
    each, agreed = freeze(cast.project, "each"), freeze(cast.project, "agreed", AGREED)
    assert each.sha256 != agreed.sha256
    change_standing(people[0], Standing(weight=0.1), by=cast.manager)
    withdraw(Submission.objects.earliest("pk"), by=cast.manager, reason="asked to")
    assert snapshot_hash(agreed) == agreed.sha256
    assert freeze(cast.project, "later", AGREED).sha256 != agreed.sha256


def test_a_difference_counts_the_tasks_on_which_people_were_weighed_otherwise(
    cast, people, answered
):
    first, same = (freeze(cast.project, name, AGREED) for name in ("first", "same"))
    change_standing(people[0], Standing(weight=0.1), by=cast.manager)
    later = freeze(cast.project, "later", AGREED)
    assert (difference(first, same).agreed, difference(first, later).agreed) == (0, 1)


def put_in_more(rows):
    row = rows.get()
    row.pk, row.task = None, give_task(row.snapshot.project, "d", "e")
    row.save(force_insert=True)


CHANGES = {
    "change": lambda rows: rows.update(ranks=[3, 2, 1]),
    "remove": lambda rows: rows.delete(),
    "put in more": put_in_more,
}


@pytest.mark.parametrize("change", CHANGES)
def test_the_database_keeps_it_as_it_is(cast, answered, change):
    snapshot = freeze(cast.project, "agreed", AGREED)
    with pytest.raises(DatabaseError), transaction.atomic():
        CHANGES[change](SnapshotConsensus.objects.filter(snapshot=snapshot))


def test_the_database_takes_no_task_of_another_project(cast, answered):
    other = Project.objects.create(name="Other", slug="other")
    snapshot = Snapshot.objects.create(project=other, name="x", is_consensus=True)
    names = ("answers", "completions", "ranks", "unacceptable", "worths", "errors", "sure")
    lists: dict[str, Any] = {name: [] for name in names}
    with pytest.raises(DatabaseError), transaction.atomic():
        SnapshotConsensus.objects.create(snapshot=snapshot, task=answered, people=1, **lists)


# --- exports --------------------------------------------------------------------------------


def test_rankings_go_out_with_their_uncertainty(cast, answered, tmp_path):
    snapshot = freeze(cast.project, "agreed", AGREED)
    (row,) = rows_of(cast, snapshot, "rankings", tmp_path)
    (stored,) = snapshot.consensus.all()
    assert [each["text"] for each in row["completions"]] == ["a", "b", "c"]
    assert (row["ranks"], row["people"], row["annotator"]) == ([1, 2, 3], 3, None)
    assert (row["worths"], row["errors"]) == (stored.worths, stored.errors)


def test_pairs_go_out_with_their_probability(cast, answered, tmp_path):
    snapshot = freeze(cast.project, "agreed", AGREED)
    rows = rows_of(cast, snapshot, "trl", tmp_path)
    (stored,) = snapshot.consensus.all()
    said = {(row["chosen"], row["rejected"]): row["probability"] for row in rows}
    pairs = [("a", "b"), ("a", "c"), ("b", "c")]
    assert said == dict(zip(pairs, stored.sure, strict=True))
    assert {row["people"] for row in rows} == {3}


def test_a_probability_is_that_of_the_chosen_one(cast, task, people, tmp_path):
    say(people[0], 3, 2, 1)
    rows = rows_of(cast, freeze(cast.project, "agreed", AGREED), "trl", tmp_path)
    assert {row["chosen"] for row in rows} == {"b", "c"}
    assert all(row["probability"] > 0.5 for row in rows)


@pytest.mark.parametrize("format", [*FORMATS, "hf"])
def test_every_format_gives_the_same_bytes_whatever_comes_later(
    cast, people, answered, tmp_path, format
):
    snapshot = freeze(cast.project, "agreed", AGREED, measured=True)

    def bytes_of(name):
        out = tmp_path / name
        out.mkdir()
        export(cast.project, format, out / "out", Terms(snapshot=snapshot))
        files = [path for path in sorted(out.rglob("*")) if path.is_file()]
        assert files
        return [path.read_bytes() for path in files if "manifest" not in path.name]

    before = bytes_of("before")
    change_standing(people[0], Standing(excluded=True), by=cast.manager)
    withdraw(Submission.objects.latest("pk"), by=cast.manager, reason="asked to")
    assert bytes_of("after") == before


def test_the_manifest_says_what_it_is_and_counts_what_was_withdrawn(cast, answered, tmp_path):
    snapshot = freeze(cast.project, "agreed", AGREED)
    withdraw(Submission.objects.latest("pk"), by=cast.manager, reason="asked to")
    export(cast.project, "trl", tmp_path / "out", Terms(snapshot=snapshot))
    said = check_export(tmp_path / "out.manifest.json")
    assert (said["consensus"], said["rankings"], said["withdrawn"]) == (True, 1, 1)


def test_the_card_tells_of_the_people_behind_it(cast, answered, tmp_path):
    snapshot = freeze(cast.project, "agreed", AGREED, measured=True)
    export(cast.project, "hf", tmp_path / "out", Terms(snapshot=snapshot))
    card = (tmp_path / "out" / "README.md").read_text()
    assert "1 consensus rankings" in card
    assert "They come from 3 rankings." in card
    assert "| 3 | 1 |" in card
    assert "| people | 3 | 3 |" in card
    assert "1 of 1 questions were judged by several." in card
    croissant = json.loads((tmp_path / "out" / "croissant.json").read_text())
    fields = {each["name"] for table in croissant["recordSet"] for each in table["field"]}
    assert {"people", "probability", "worths", "errors"} <= fields


def test_another_project_takes_the_rankings(cast, answered, tmp_path):
    snapshot = freeze(cast.project, "agreed", AGREED)
    export(cast.project, "rankings", tmp_path / "out.jsonl", Terms(snapshot=snapshot))
    Project.objects.create(name="New", slug="new")
    assert import_rankings(tmp_path / "out.jsonl", "new").rankings == 1


def test_where_it_comes_in_nobody_is_said_to_have_seen_or_given_it(cast, answered, tmp_path):
    snapshot = freeze(cast.project, "agreed", AGREED)
    export(cast.project, "rankings", tmp_path / "out.jsonl", Terms(snapshot=snapshot))
    project = Project.objects.create(name="New", slug="new")
    import_rankings(tmp_path / "out.jsonl", "new")
    export(project, "hf", tmp_path / "folder")
    card = (tmp_path / "folder/README.md").read_text()
    assert "shown first" not in card
    assert "One annotator" not in card


def test_individual_exports_say_nothing_of_it(cast, answered, tmp_path):
    (row, *_) = rows_of(cast, freeze(cast.project, "each"), "trl", tmp_path)
    assert not {"people", "probability"} & row.keys()


# --- edges ----------------------------------------------------------------------------------


def test_the_page_freezes_and_shows_it(cast, answered, client):
    client.force_login(cast.researcher)
    page = client.get("/projects/tides/data/?consensus=on&count=1").text
    assert 'name="consensus" value="on"' in page
    made = client.post("/projects/tides/data/", {"consensus": "on", "name": "agreed"}, follow=True)
    assert "1 ranking, the consensus on its task" in made.text
    assert Snapshot.objects.get().is_consensus


def test_the_page_refuses_other_kinds(cast, answered, client):
    client.force_login(cast.researcher)
    reply = client.get("/projects/tides/data/?consensus=on&kinds=thumbs&count=1")
    assert reply.status_code == 400
    assert "only rankings and comparisons have one" in reply.text


def test_the_api_freezes_and_lists_it(cast, answered, client):
    client.force_login(cast.researcher)
    base = "/api/v1/projects/tides/snapshots/"
    made = client.post(base, {"name": "agreed", "consensus": True}, content_type="application/json")
    assert made.status_code == 201
    assert made.json()["filters"]["consensus"] is True
    (row,) = client.get(f"{base}{made.json()['id']}/consensus/").json()["results"]
    uids = [str(slot.completion.uid) for slot in answered.slots.order_by("slot")]
    assert (row["task"], row["people"], row["ranks"]) == (answered.pk, 3, [1, 2, 3])
    assert row["completions"] == uids
    assert len(row["answers"]) == 3


def test_the_command_freezes_it(cast, answered, capsys):
    call_command("freeze_snapshot", project="tides", name="agreed", consensus=True)
    assert "3 answers, a consensus on 1 tasks" in capsys.readouterr().out
    call_command("freeze_snapshot", "--json", project="tides", name="each", ties="soft")
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert (said["answers"], said["consensus"]) == (3, None)
    assert Snapshot.objects.get(name="each").filters["ties"] == "soft"
    with pytest.raises(CommandError, match="exists already"):
        call_command("freeze_snapshot", project="tides", name="each")
    with pytest.raises(CommandError, match="begin with round- are for rounds"):
        call_command("freeze_snapshot", project="tides", name="round-7")
    assert SnapshotItem.objects.count() == 6

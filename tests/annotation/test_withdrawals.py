"""A person's data goes out of all that counts, and all that holds it says so."""

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from annotation import withdrawals
from annotation.errors import Invalid
from annotation.exporting import Terms, check_export, export
from annotation.models import AuditEntry, Submission
from annotation.snapshots import freeze, withdrawn_from, withdrawn_in_any
from annotation.withdrawals import withdraw_person
from tests.annotation.working import answer_all, give_tasks

pytestmark = pytest.mark.django_db
WHY = "They asked on 3 May."


@pytest.fixture
def answered(cast, judges):
    give_tasks(cast, 3, wanted=2)
    answer_all(judges[0])
    answer_all(judges[1])
    return judges[0]


def withdraw(cast, annotator, reason=WHY):
    return withdraw_person(annotator, by=cast.manager, reason=reason)


def test_all_that_the_person_said_counts_no_more(cast, judges, answered, monkeypatch):
    monkeypatch.setattr(withdrawals, "BATCH", 2)
    assert withdraw(cast, answered) == 3
    left = Submission.objects.counted()
    assert set(left.values_list("annotator", flat=True)) == {judges[1].pk}
    assert Submission.objects.count() == 6


def test_it_is_written_down_once_and_announced(cast, answered):
    withdraw(cast, answered)
    entry = AuditEntry.objects.get(verb=withdrawals.VERB)
    assert entry.data == {"answers": 3, "reason": WHY}
    cast.project.refresh_from_db()
    assert cast.project.standing_epoch == 1
    assert withdraw(cast, answered) == 0
    assert AuditEntry.objects.filter(verb=withdrawals.VERB).count() == 1


@pytest.mark.parametrize(("reason", "said"), [(" ", "it is missing"), ("x" * 2001, "longer than")])
def test_it_needs_a_reason(cast, answered, reason, said):
    with pytest.raises(Invalid, match=said):
        withdraw(cast, answered, reason)
    assert not Submission.objects.filter(withdrawn_at__isnull=False).exists()


def test_snapshots_and_manifests_say_so(cast, answered, tmp_path):
    first, second = freeze(cast.project, "first"), freeze(cast.project, "second")
    withdraw(cast, answered)
    later = freeze(cast.project, "later")
    assert withdrawn_from([first, second, later]) == {first.pk: 3, second.pk: 3}
    assert withdrawn_in_any([first.pk, second.pk, later.pk]) == 3
    for format in ("trl", "hf"):
        export(cast.project, format, tmp_path / format, Terms(snapshot=first))
        beside = "trl.manifest.json" if format == "trl" else "hf/manifest.json"
        assert check_export(tmp_path / beside)["withdrawn"] == 3


def test_pages_mark_the_snapshots(cast, answered, client):
    snapshot = freeze(cast.project, "first")
    client.force_login(cast.manager)
    assert "withdrawn since" not in client.get(f"/projects/tides/data/{snapshot.pk}/").text
    withdraw(cast, answered)
    assert (
        "3 of its answers were withdrawn since"
        in client.get(f"/projects/tides/data/{snapshot.pk}/").text
    )
    assert '<span class="state failed">3</span>' in client.get("/projects/tides/data/").text


def test_the_api_marks_the_snapshots_in_one_query_more(
    cast, answered, client, django_assert_max_num_queries
):
    for name in ("first", "second", "third"):
        freeze(cast.project, name)
    withdraw(cast, answered)
    client.force_login(cast.researcher)
    with django_assert_max_num_queries(6):
        found = client.get("/api/v1/projects/tides/snapshots/").json()["results"]
    assert [each["withdrawn"] for each in found] == [3, 3, 3]
    one = client.get(f"/api/v1/projects/tides/snapshots/{found[0]['id']}/").json()
    assert one["withdrawn"] == 3


def test_a_manager_withdraws_on_the_page(cast, answered, client):
    client.force_login(cast.manager)
    page = f"/projects/tides/annotators/{answered.pk}/"
    assert "Withdraw 3 answers" in client.get(page).text
    unsure = {"withdrawal-reason": WHY}
    client.post(f"{page}withdrawal/", unsure)
    assert not Submission.objects.filter(withdrawn_at__isnull=False).exists()
    shown = client.post(f"{page}withdrawal/", {**unsure, "withdrawal-sure": "on"}, follow=True)
    assert f"Withdrawn: 3 answers of {answered.pseudonym}." in shown.text
    assert "3 of their answers were withdrawn" in shown.text
    assert "Withdraw 3 answers" not in shown.text


def test_by_the_api_and_by_command(cast, judges, answered, client, capsys):
    client.force_login(cast.manager)
    address = f"/api/v1/projects/tides/annotators/{answered.pk}/withdrawal/"
    reply = client.post(address, {"reason": WHY}, content_type="application/json")
    assert (reply.status_code, reply.json()) == (200, {"withdrawn": 3})
    name = judges[1].pseudonym
    call_command("withdraw_annotator", project="tides", annotator=name, reason=WHY)
    assert f"Withdrawn: 3 answers of {name}." in capsys.readouterr().out
    with pytest.raises(CommandError, match="nobody in tides goes by 'nobody'"):
        call_command("withdraw_annotator", project="tides", annotator="nobody", reason=WHY)

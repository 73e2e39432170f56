"""Workers look into uploads, import them and remove them: one at a time, through any death."""

import time
from datetime import timedelta

import pytest
from django.utils import timezone

from annotation import tasks, uploading
from annotation.errors import Conflict
from annotation.importing import Options, import_prompts, publishing, runs
from annotation.importing.batches import Pace
from annotation.models import (
    Assignment,
    Completion,
    Import,
    Prompt,
    Submission,
    Task,
    Upload,
)
from annotation.uploading import background, files, leases, working
from annotation.uploading.leases import Stopped, claim
from annotation.uploading.uploads import sweep
from annotation.uploading.working import work_off
from tests.annotation.interchange import many_rankings, ranking, write

pytestmark = pytest.mark.django_db
STORED = (Import, Prompt, Completion, Task, Assignment, Submission)


def work():
    while work_off():
        pass


def let_leases_run_out():
    Upload.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def counts():
    return [table.objects.count() for table in STORED]


@pytest.fixture
def slowly(monkeypatch):
    """Five rows a transaction, and every beat reaches the database."""
    monkeypatch.setattr(Pace, "rows", lambda self: 5)
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0)


def break_off(monkeypatch, after, act):
    """Does something once so many rows are stored."""
    store, stored = runs._store_batch, []

    def store_batch(run, intake, batch):
        store(run, intake, batch)
        stored.extend(batch)
        if len(stored) == after:
            act()

    monkeypatch.setattr(runs, "_store_batch", store_batch)


# --- leases ---------------------------------------------------------------------------------


def test_what_one_worker_has_in_hand_no_other_takes(cast, send):
    send(ranking())
    assert claim() is not None
    assert claim() is None


def test_what_a_silent_worker_had_goes_to_the_next_and_it_stops(cast, send):
    send(ranking())
    first = claim()
    let_leases_run_out()
    second = claim()
    assert second.upload.pk == first.upload.pk
    for late in (lambda: first.report("Checking", 1, 1), lambda: first.end("failed", error="x")):
        with pytest.raises(Stopped):
            late()
    second.report("Checking", 1, 1)


def test_a_beat_renews_the_lease_and_says_how_far_it_is(cast, send):
    upload = send(ranking())
    lease = claim()
    before = lease.upload.lease_until
    lease.report("Storing", 3, 3)
    upload.refresh_from_db()
    assert (upload.stage, upload.done, upload.total) == ("Storing", 3, 3)
    assert upload.lease_until > before


# --- going on -------------------------------------------------------------------------------


def test_an_import_that_was_cut_off_goes_on_where_it_was(cast, send, slowly, monkeypatch):
    upload = send(*many_rankings(20), state="importing")

    def die():
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        break_off(patch, 10, die)
        with pytest.raises(KeyboardInterrupt):
            work()
    assert Import.objects.get().rows_done == 5  # the transaction in hand is lost
    assert not Submission.objects.visible().exists()
    first = set(Submission.objects.values_list("pk", flat=True))

    assert not work_off()  # as long as the lease lasts
    let_leases_run_out()
    work()

    upload.refresh_from_db()
    assert (upload.state, upload.outcome["rankings"]) == ("done", 20)
    assert first <= set(Submission.objects.visible().values_list("pk", flat=True))


def test_what_was_shown_before_the_worker_died_is_done(cast, send):
    upload = send({"prompt": "Why?"}, kind="prompts", state="importing")
    work()
    Upload.objects.create(
        project=cast.project, kind="prompts", file_name="a", size=1, state="importing",
        started_by=cast.manager, file_sha256=Upload.objects.get().file_sha256,
    )  # fmt: skip
    work()
    assert set(Upload.objects.values_list("state", flat=True)) == {"done"}
    assert Import.objects.count() == 1
    assert upload.key != Upload.objects.latest("pk").key


def test_what_no_worker_survives_is_given_up(cast, send):
    upload = send(ranking(), state="importing")
    for _ in range(leases.MAX_ATTEMPTS):
        assert claim() is not None
        let_leases_run_out()
    work()
    upload.refresh_from_db()
    assert (upload.state, upload.error) == ("failed", working.DIED)
    assert counts() == [0] * len(STORED)
    assert not files.path_of(upload).exists()


def test_an_unforeseen_error_is_tried_again_later(cast, send, monkeypatch):
    upload = send(ranking())

    def fail(*_):
        raise RuntimeError("unforeseen")

    with monkeypatch.context() as patch:
        patch.setattr(working, "_check", fail)
        work()
    upload.refresh_from_db()
    assert upload.state == "checking"
    let_leases_run_out()
    work()
    upload.refresh_from_db()
    assert upload.state == "ready"


def test_another_process_at_the_same_import_is_waited_for(cast, send, tmp_path):
    upload = send(ranking(), state="importing")
    other = Import.objects.create(
        project=cast.project, kind="prompts", file_name="b", file_sha256="0", rows_total=2
    )
    work()
    upload.refresh_from_db()
    assert (upload.state, upload.stage) == ("importing", "Waiting")
    other.delete()
    let_leases_run_out()
    work()
    upload.refresh_from_db()
    assert upload.state == "done"


def test_a_file_that_is_gone_is_one_clear_sentence(cast, send):
    upload = send(ranking(), state="importing")
    files.path_of(upload).unlink()
    work()
    upload.refresh_from_db()
    assert (upload.state, upload.error) == ("failed", working.GONE)


def test_rows_that_went_bad_since_they_were_looked_into_leave_nothing(cast, send):
    upload = send({"prompt": "Why?", "metadata": {"a": 1}}, kind="prompts")
    work()
    path = write(files.folder().parent / "other.jsonl", [{"prompt": "Why?", "metadata": {"a": 2}}])
    import_prompts(path, cast.project.slug, Options())
    before = counts()
    upload.refresh_from_db()
    uploading.start(upload, by=cast.manager)
    work()
    upload.refresh_from_db()
    assert upload.state == "failed"
    assert "with other metadata" in upload.error
    assert counts() == before


# --- cancelling -----------------------------------------------------------------------------


@pytest.mark.parametrize("kind", ["rankings", "prompts"])
def test_what_is_cancelled_half_way_leaves_nothing(cast, send, slowly, monkeypatch, kind):
    rows = many_rankings(20)
    if kind == "prompts":
        rows = [{"prompt": each["prompt"], "completions": each["completions"]} for each in rows]
    upload = send(*rows, kind=kind, state="importing")
    break_off(monkeypatch, 10, lambda: uploading.cancel(Upload.objects.get(), by=cast.manager))
    work()
    upload.refresh_from_db()
    assert upload.state == "cancelled"
    assert counts() == [0] * len(STORED)
    assert not files.path_of(upload).exists()


def test_what_is_cancelled_before_its_first_row_leaves_nothing(cast, send, monkeypatch):
    upload = send(*many_rankings(3), state="importing")
    begin = runs._begin

    def cancel_and_begin(*args):
        uploading.cancel(Upload.objects.get(), by=cast.manager)
        return begin(*args)

    monkeypatch.setattr(runs, "_begin", cancel_and_begin)
    work()
    upload.refresh_from_db()
    assert upload.state == "cancelled"
    assert counts() == [0] * len(STORED)


def test_what_is_cancelled_while_it_is_looked_into_ends_at_once(cast, send, monkeypatch):
    upload = send(*many_rankings(3))
    monkeypatch.setattr(leases, "BEAT_SECONDS", 0)
    lease = claim()
    uploading.cancel(upload, by=cast.manager)
    with pytest.raises(Stopped):
        lease.report("Checking", 1, 9)
    lease.release()
    upload.refresh_from_db()
    assert upload.state == "cancelled"


def test_what_is_about_to_be_shown_is_no_longer_cancelled(cast, send, slowly, monkeypatch):
    upload = send(*many_rankings(5), state="importing")
    refused = []

    def cancel():
        try:
            uploading.cancel(Upload.objects.get(), by=cast.manager)
        except Conflict as refusal:
            refused.append(str(refusal))

    seal = publishing.seal_all
    monkeypatch.setattr(runs, "seal_all", lambda *args: (cancel(), seal(*args)))
    work()
    upload.refresh_from_db()
    assert refused == ["All rows are in, and it ends in a moment. It stays."]
    assert upload.state == "done"


def test_a_cancellation_that_comes_too_late_changes_nothing(cast, send, slowly, monkeypatch):
    upload = send(*many_rankings(5), state="importing")
    seal = publishing.seal_all

    def cancelled_meanwhile(*args):
        seal(*args)
        Upload.objects.update(state="discarding")

    monkeypatch.setattr(runs, "seal_all", cancelled_meanwhile)
    work()
    upload.refresh_from_db()
    assert upload.state == "done"
    assert Submission.objects.visible().count() == 5


def test_sealed_rows_of_a_dead_worker_are_finished_not_removed(cast, send, slowly, monkeypatch):
    upload = send(*many_rankings(5), state="importing")

    def die(*args, **kwargs):
        Upload.objects.update(state="discarding")
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(runs, "publish", die)
        with pytest.raises(KeyboardInterrupt):
            work()
    let_leases_run_out()
    work()
    upload.refresh_from_db()
    assert upload.state == "done"
    assert Submission.objects.visible().count() == 5


# --- the clock ------------------------------------------------------------------------------


def test_what_nobody_starts_within_a_day_is_deleted(cast, send, clock, folder):
    old = send(ranking(), state="ready")
    clock.shift(timedelta(days=1, minutes=1))
    young = send(ranking(), state="ready")
    sweep()
    old.refresh_from_db()
    assert (old.state, old.error[:18]) == ("cancelled", "It was not started")
    assert set(folder.iterdir()) == {files.path_of(young)}


def test_files_that_belong_to_nothing_go_after_a_day(cast, send, folder, monkeypatch):
    upload = send(ranking(), state="ready")
    (folder / "1234.jsonl").write_text("x")
    monkeypatch.setattr(files, "time", lambda: time.time() + 90_000)
    sweep()
    assert list(folder.iterdir()) == [files.path_of(upload)]


@pytest.mark.django_db(transaction=True)
def test_the_clock_sets_a_thread_to_work_and_never_two(cast, send):
    upload = send(ranking())
    assert background._turn.acquire(timeout=60)
    tasks.take_in()  # while another is at work
    background._turn.release()
    upload.refresh_from_db()
    assert upload.state == "checking"

    tasks.take_in()
    assert background._turn.acquire(timeout=60)  # it has ended
    background._turn.release()
    upload.refresh_from_db()
    assert upload.state == "ready"

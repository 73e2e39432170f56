"""A job is done by one worker at a time, and what an old one writes is refused."""

from datetime import timedelta

import pytest
from django.utils import timezone

from training import jobs, worker
from training.models import Job

pytestmark = pytest.mark.django_db


def make_late(job):
    Job.objects.filter(pk=job.pk).update(lease_until=timezone.now() - timedelta(seconds=1))


@pytest.fixture
def job():
    return jobs.ask("convert", "a key")


def test_a_job_asked_for_twice_is_made_once(job):
    assert jobs.ask("convert", "a key") == job
    assert Job.objects.count() == 1


def test_a_claimed_job_is_not_claimed_again(job):
    assert jobs.claim("gpu").job == job
    assert jobs.claim("gpu") is None


def test_the_more_urgent_job_comes_first(job):
    urgent = jobs.ask("samples", "urgent", priority=10)
    assert jobs.claim("gpu").job == urgent


def test_a_silent_holder_is_replaced(job):
    first = jobs.claim("gpu")
    make_late(job)
    second = jobs.claim("gpu")
    assert second.job == job
    assert second.fence > first.fence


def test_a_replaced_holder_writes_nothing(job):
    first = jobs.claim("gpu")
    make_late(job)
    second = jobs.claim("gpu")
    with pytest.raises(jobs.TakenOver), first.finishing():
        Job.objects.filter(pk=job.pk).update(note="from the dead")
    with pytest.raises(jobs.TakenOver):
        first.beat()
    with second.finishing():
        pass
    job.refresh_from_db()
    assert (job.state, job.note) == ("done", "")


def test_a_beat_renews_the_lease_and_tells_progress(job):
    lease = jobs.claim("gpu")
    make_late(job)
    lease.beat(3, 10, "reading")
    job.refresh_from_db()
    assert job.lease_until > timezone.now()
    assert (job.done, job.total, job.note) == (3, 10, "reading")


def test_a_failure_that_may_pass_is_tried_again_later(job):
    lease = jobs.claim("gpu")
    assert lease.fail("the disk was busy", retry=True) is False
    job.refresh_from_db()
    assert (job.state, job.error) == ("pending", "the disk was busy")
    assert jobs.claim("gpu") is None
    Job.objects.update(not_before=timezone.now())
    assert jobs.claim("gpu").job.attempt == 2


def test_a_failure_for_good_is_not_tried_again(job):
    assert jobs.claim("gpu").fail("the file is damaged", retry=False) is True
    job.refresh_from_db()
    assert (job.state, job.error) == ("failed", "the file is damaged")


def test_a_job_that_kills_its_workers_is_set_aside(job):
    for _ in range(job.max_attempts):
        assert jobs.claim("gpu") is not None
        make_late(job)
    assert jobs.claim("gpu") is None
    worker.set_exhausted_aside()
    job.refresh_from_db()
    assert job.state == "failed"
    assert "died 3 times" in job.error


def test_a_step_that_is_not_known_fails_with_its_name():
    job = jobs.ask("conjure", "unknown")
    Job.objects.filter(pk=job.pk).update(max_attempts=1)
    worker.work("gpu", heartbeat=False)
    job.refresh_from_db()
    assert job.state == "failed"
    assert "conjure" in job.error


def test_an_interrupted_worker_gives_the_job_back(job, monkeypatch):
    def interrupt(lease):
        raise KeyboardInterrupt

    monkeypatch.setattr(worker, "step_of", lambda kind: interrupt)
    with pytest.raises(KeyboardInterrupt):
        worker.work("gpu", heartbeat=False)
    job.refresh_from_db()
    assert (job.state, job.attempt) == ("pending", 0)


def test_what_was_begun_goes_on_before_what_is_more_urgent(job):
    jobs.claim("gpu")
    urgent = jobs.ask("features", "urgent", priority=9)
    make_late(job)
    assert [each.pk for each in jobs.due("gpu")] == [job.pk, urgent.pk]

"""The supervisor, over real processes: whatever becomes of it, it leaves nobody behind."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.webapp.processes import eventually, is_alive
from webapp import supervisor
from webapp.supervisor import Child, Program, ProgramFailed, Supervisor, rotate

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("pair", "grandchild", "stubborn")
NICEST = 19


class Watch:
    """A running supervisor and the processes below it."""

    def __init__(self, folder, *options, prefix=()):
        command = [sys.executable, "-m", "tests.webapp.supervised", str(folder), *options]
        self.folder = folder
        self.process = subprocess.Popen(
            [*prefix, *command], cwd=ROOT, stdout=subprocess.PIPE, text=True
        )
        assert self.line() == "ready"

    def line(self):
        return self.process.stdout.readline().strip()

    def pid(self, name):
        return int((self.folder / f"{name}.pid").read_text() or 0)

    def pids(self):
        return [self.pid(name) for name in NAMES]


@pytest.fixture
def options():
    """What else the supervisor is told."""
    return []


@pytest.fixture
def watch(tmp_path, options):
    watch = Watch(tmp_path, *options)
    yield watch
    watch.process.kill()
    watch.process.wait()
    for pid in watch.pids():
        if is_alive(pid):
            os.kill(pid, signal.SIGKILL)


def all_gone(pids):
    return lambda: not any(is_alive(pid) for pid in pids)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_a_signal_ends_everything(watch, number):
    pids = watch.pids()
    assert all(map(is_alive, pids))

    watch.process.send_signal(number)

    assert watch.process.wait(timeout=60) == 0
    eventually(all_gone(pids))


@pytest.mark.parametrize("options", [["--patient"]])
def test_a_second_signal_does_not_wait_for_those_that_will_not_end(watch, options):
    pids = watch.pids()
    watch.process.send_signal(signal.SIGINT)
    eventually(lambda: not is_alive(watch.pid("pair")))

    watch.process.send_signal(signal.SIGINT)

    watch.process.wait(timeout=60)  # of the ten minutes that it would give the stubborn one
    eventually(all_gone(pids))


def test_a_program_that_ends_starts_again_without_what_it_left_running(watch):
    before = watch.pid("pair"), watch.pid("grandchild")

    os.kill(before[0], signal.SIGKILL)

    assert watch.line() == "pair ended with status -9; starting it again in 0 s."
    eventually(all_gone(before))
    eventually(
        lambda: watch.pid("grandchild") not in (0, before[1]) and is_alive(watch.pid("pair"))
    )


def test_programs_end_with_a_supervisor_that_is_killed(watch):
    watch.process.kill()

    eventually(lambda: not is_alive(watch.pid("pair")))


def test_it_ends_with_its_parent_when_told_to(tmp_path):
    watch = Watch(tmp_path, "--with-parent", prefix=["sh", "-c", '"$@"; true', "sh"])
    pids = watch.pids()

    watch.process.kill()

    assert watch.line() == "stopped"
    eventually(all_gone(pids))


def test_a_program_may_give_way_to_others(watch):
    own = os.getpriority(os.PRIO_PROCESS, 0)

    assert os.getpriority(os.PRIO_PROCESS, watch.pid("stubborn")) == min(own + 5, NICEST)


@pytest.fixture
def own_signals():
    """Supervisor.run takes signals over for its process; give them back."""
    before = {number: signal.getsignal(number) for number in supervisor.STOP_SIGNALS}
    yield
    for number, handler in before.items():
        signal.signal(number, handler)


@pytest.mark.usefixtures("own_signals")
def test_an_essential_program_that_fails_at_once_is_an_error_with_the_end_of_its_log(tmp_path):
    failing = Program("web", ["sh", "-c", "echo no such setting; exit 3"], essential=True)
    sleeping = Program("worker", ["sleep", "600"])
    watch = Supervisor([failing, sleeping], tmp_path, print)

    with pytest.raises(ProgramFailed) as failed:
        watch.run(lambda: False, lambda: None)

    assert "web ended with status 3" in str(failed.value)
    assert "no such setting" in str(failed.value)
    assert watch.children[1].process.returncode == -signal.SIGTERM


@pytest.mark.usefixtures("own_signals")
def test_waiting_for_a_site_that_never_gets_ready_comes_to_an_end(tmp_path, monkeypatch):
    monkeypatch.setattr(supervisor, "READY_SECONDS", 0.3)
    web = Program("web", ["sh", "-c", "echo still thinking; sleep 600"], essential=True)

    with pytest.raises(ProgramFailed, match="still thinking"):
        Supervisor([web], tmp_path, print).run(lambda: False, lambda: None)


def test_pauses_grow_up_to_a_limit_and_shrink_after_a_steady_time(tmp_path, monkeypatch):
    now = 1000.0
    monkeypatch.setattr("webapp.supervisor.time.monotonic", lambda: now)
    child = Child(Program("worker", ["true"]), tmp_path / "worker.log")
    pauses = []
    for _ in range(7):
        child.started = now
        child.plan_restart()
        pauses.append(child.start_at - now)
    child.started, now = now, now + supervisor.STEADY_SECONDS + 1
    child.plan_restart()

    assert pauses == [1, 2, 4, 8, 16, 30, 30]
    assert child.start_at - now == 1


def test_a_long_log_is_set_aside(tmp_path):
    log = tmp_path / "web.log"
    log.write_bytes(b"x" * (supervisor.LOG_LIMIT + 1))

    rotate(log)
    rotate(log)

    assert not log.exists()
    assert (tmp_path / "web.log.1").stat().st_size == supervisor.LOG_LIMIT + 1

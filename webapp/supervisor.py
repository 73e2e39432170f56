"""Keeping a handful of programs alive as children of one process, and taking them along when it
ends: by Ctrl-C, by SIGTERM, or by being killed itself."""

import ctypes
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType

POLL_SECONDS = 0.2
FIRST_PAUSE, LONGEST_PAUSE = 1.0, 30.0
STEADY_SECONDS = 60.0  # a child that ran for so long starts again without a pause
READY_SECONDS = 120.0
STOP_SECONDS = 10.0
LOG_LIMIT = 10 * 1024 * 1024
TAIL_LINES = 15
PR_SET_PDEATHSIG = 1
STOP_SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)

Say = Callable[[str], object]


class ProgramFailed(Exception):
    """A program without which there is no point in going on does not start."""


@dataclass(frozen=True)
class Program:
    """What to run. An essential one has to come up at its first start."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str] = field(default_factory=dict)
    niceness: int = 0
    essential: bool = False


class Child:
    """One program, and the process that runs it just now."""

    def __init__(self, program: Program, log: Path) -> None:
        self.program = program
        self.log = log
        self.process: subprocess.Popen[bytes] | None = None
        self.started = 0.0
        self.pause = FIRST_PAUSE
        self.start_at = 0.0

    def start(self) -> None:
        """Run it in a session of its own, so that the terminal's Ctrl-C reaches us alone."""
        rotate(self.log)
        with self.log.open("ab") as log:
            self.process = subprocess.Popen(  # noqa: S603 - the commands are ours
                self.program.command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                env={**os.environ, **self.program.environment},
                start_new_session=True,
                preexec_fn=_before_it_runs(self.program.niceness),
            )
        self.started = time.monotonic()

    def has_ended(self) -> bool:
        return self.process is not None and self.process.poll() is not None

    def plan_restart(self) -> None:
        """Clear away what it left running, and plan its next start."""
        self.kill()
        self.process = None
        if time.monotonic() - self.started > STEADY_SECONDS:
            self.pause = FIRST_PAUSE
        self.start_at = time.monotonic() + self.pause
        self.pause = min(2 * self.pause, LONGEST_PAUSE)

    def send(self, number: signal.Signals) -> None:
        if self.process is not None and self.process.poll() is None:
            self.process.send_signal(number)

    def kill(self) -> None:
        """End the whole session, whatever state it is in."""
        if self.process is not None:
            with suppress(ProcessLookupError):  # nobody was left
                os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait()

    def tail(self) -> str:
        """The last lines of its log, for a person to read."""
        lines = self.log.read_text(errors="replace").splitlines()[-TAIL_LINES:]
        return "\n".join([f"The end of {self.log}:", *(f"  {line}" for line in lines)])


class Supervisor:
    """Starts the programs, starts those that end again, and ends them all together."""

    def __init__(
        self, programs: Sequence[Program], log_folder: Path, say: Say, *, with_parent: bool = False
    ) -> None:
        """``with_parent``: end when the process that started this one does."""
        log_folder.mkdir(parents=True, exist_ok=True)
        self.children = [Child(each, log_folder / f"{each.name}.log") for each in programs]
        self.say = say
        self.stop_signals = 0
        self.parent = os.getppid() if with_parent else None

    def run(self, is_ready: Callable[[], bool], on_ready: Callable[[], object]) -> None:
        """Watch over the children until a signal comes. ``on_ready`` is called once.

        Raises ProgramFailed when an essential one ends before that, or when it takes longer than
        READY_SECONDS.
        """
        for number in STOP_SIGNALS:
            signal.signal(number, self._note_signal)
        ready, deadline = False, time.monotonic() + READY_SECONDS
        try:
            while not self.stop_signals and not self._is_orphan():
                self._tend(ready)
                if not ready and is_ready():
                    ready = True
                    on_ready()
                if not ready and time.monotonic() > deadline:
                    raise ProgramFailed(self._lateness())
                time.sleep(POLL_SECONDS)
        finally:
            self.stop()

    def _note_signal(self, number: int, frame: FrameType | None) -> None:
        self.stop_signals += 1

    def _is_orphan(self) -> bool:
        return self.parent is not None and os.getppid() != self.parent

    def _tend(self, ready: bool) -> None:
        for child in self.children:
            if child.has_ended():
                self._replace(child, ready)
            if child.process is None and time.monotonic() >= child.start_at:
                child.start()

    def _replace(self, child: Child, ready: bool) -> None:
        name, code = child.program.name, child.process.returncode if child.process else None
        if child.program.essential and not ready:
            raise ProgramFailed(f"{name} ended with status {code}. {child.tail()}")
        child.plan_restart()
        wait = child.start_at - time.monotonic()
        self.say(f"{name} ended with status {code}; starting it again in {wait:.0f} s.")

    def _lateness(self) -> str:
        tails = [child.tail() for child in self.children if child.program.essential]
        return "\n".join([f"The site is not ready after {READY_SECONDS:.0f} s.", *tails])

    def stop(self) -> None:
        """Ask all of them to end; kill those that do not within STOP_SECONDS, or at once when
        another signal comes."""
        signals_before = self.stop_signals
        for child in self.children:
            child.send(signal.SIGTERM)
        deadline = time.monotonic() + STOP_SECONDS
        while self._any_alive() and time.monotonic() < deadline:
            if self.stop_signals > signals_before:
                break
            time.sleep(POLL_SECONDS)
        for child in self.children:
            child.kill()

    def _any_alive(self) -> bool:
        return any(child.process and child.process.poll() is None for child in self.children)


def rotate(log: Path) -> None:
    """Set a log aside that has grown long; the one before it goes."""
    if log.exists() and log.stat().st_size > LOG_LIMIT:
        os.replace(log, log.with_suffix(".log.1"))


def _before_it_runs(niceness: int) -> Callable[[], None] | None:
    """What a child does between fork and exec: on Linux, ask to be ended when we are."""
    if not sys.platform.startswith("linux"):
        return (lambda: _be_nice(niceness)) if niceness else None
    libc, parent = ctypes.CDLL(None), os.getpid()

    def prepare() -> None:
        libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM)
        if os.getppid() != parent:  # we were killed in between
            os._exit(1)
        _be_nice(niceness)

    return prepare


def _be_nice(niceness: int) -> None:
    if niceness:
        os.nice(niceness)

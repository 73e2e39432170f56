"""One run of the command line: its model, data and folder, and what every method does with them."""

from __future__ import annotations

import signal
import time
from argparse import Namespace
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from types import FrameType
from typing import Any

from training.engine import parallel, runs
from training.engine.backbone import Backbone
from training.engine.checkpoints import MANIFEST, about, verify
from training.engine.command.bar import Report
from training.engine.command.options import Method
from training.engine.errors import EngineError
from training.engine.loop import ADAPTER, Paused, Trained, Upkeep
from training.engine.records import DataFile, Record
from training.engine.sequences import Encoded, encode_completion, encode_prompt, truncate
from training.engine.sinks import Log, open_sinks


class Stopped(KeyboardInterrupt):
    """The run was interrupted; all that it did so far is saved."""


class Aside(Exception):
    """The rest is for the first process alone."""


@dataclass
class Session:
    """What a method is given."""

    method: Method
    options: Namespace
    settings: Any
    backbone: Backbone
    data: DataFile
    validation_file: DataFile | None
    bar: Report
    cut: int = 0  # completions or prompts that max_tokens shortened
    identity: dict[str, Any] = field(default_factory=dict)
    lock: ExitStack = field(default_factory=ExitStack)

    @property
    def folder(self) -> Path:
        """Where everything of the run goes."""
        return Path(self.options.out)

    @property
    def training(self) -> list[Record]:
        """The lines to learn from."""
        return [each for each in self.data.records if each.split in ("", "train")]

    @property
    def validation(self) -> list[Record]:
        """The lines to judge by; those with split test are for others to judge by."""
        mine = [each for each in self.data.records if each.split == "validation"]
        return mine + (self.validation_file.records if self.validation_file else [])

    def encode(self, record: Record, max_tokens: int) -> list[Encoded]:
        """Return a record's completions, each with the prompt that they share."""
        prompt = self.prompt(record)
        rows = [
            Encoded(prompt, encode_completion(self.backbone.tokenizer, text, ended=True))
            for text in record.completions
        ]
        short = [truncate(row, max_tokens) for row in rows]
        self.cut += sum(row != each for row, each in zip(rows, short, strict=True))
        return short

    def prompt(self, record: Record) -> list[int]:
        """Return a prompt's ids. Raises EngineError when the model cannot read it whole."""
        ids = encode_prompt(self.backbone.tokenizer, record.messages)
        if len(ids) >= self.context:
            raise EngineError(
                f"{self.place_of(record)}: the prompt has {len(ids)} tokens, and the model "
                f"reads {self.context}: shorten it or leave the line out"
            )
        return ids

    def place_of(self, record: Record) -> str:
        """Return the file and the line of a record."""
        other = self.validation_file
        apart = other is not None and any(each is record for each in other.records)
        return f"{other.path if apart and other else self.data.path}, {record.key}"

    def need(self, records: Sequence[Record], kinds: Sequence[str], asked: str) -> None:
        """Raise EngineError naming the first line that is of no such kind."""
        for record in records:
            if record.kind not in kinds:
                raise EngineError(f"{self.place_of(record)}: {asked}; this is a {record.kind}")

    def must_prefer(self) -> None:
        """Raise EngineError naming a file that calls nothing better than anything else."""
        given = [(self.data, self.training)]
        if self.validation_file is not None:
            given.append((self.validation_file, self.validation_file.records))
        for file, records in given:
            if not any(each.kind == "thumb" or len(set(each.ranks)) > 1 for each in records):
                raise EngineError(f"{file.path} prefers nothing: every completion is tied")

    def policy_of(self, name: str, given: str | Path | None) -> Path | None:
        """Return the policy's checkpoint in a run or in the folder itself. Raises EngineError."""
        folder = adapter_of(name, given)
        if folder is None:
            return None
        if about(folder).get("trunk_sha256", self.backbone.trunk_sha256) != (
            self.backbone.trunk_sha256
        ):
            raise EngineError(f"{name}: the policy in {given} was trained from another model")
        return folder

    @property
    def context(self) -> int:
        """How many tokens the model reads."""
        config = self.backbone.model.config.get_text_config()
        return int(getattr(config, "max_position_embeddings", None) or 2**31)

    def begin(self, *parts: tuple[str, Any]) -> None:
        """Take the folder for this run, before anything else is written. Raises EngineError."""
        self.identity = {
            "method": self.method.name,
            "settings": self.settings.as_dict(),
            "data": self.data.sha256,
            "validation": self.validation_file.sha256 if self.validation_file else None,
            "model": self.backbone.trunk_sha256,
            "tokenizer": self.backbone.tokenizer_sha256,
            **dict(parts),
        }
        parallel.from_first(self._take_folder)

    def _take_folder(self) -> None:
        runs.check_folder(self.folder, self.identity)
        self.lock.enter_context(runs.working_in(self.folder))
        runs.begin(self.folder, self.identity, self._about())

    def _about(self) -> dict[str, Any]:
        return {
            "data_file": str(self.data.path.resolve()),
            "model_folder": str(self.backbone.folder.resolve()),
            "device": str(self.backbone.device),
            "processes": parallel.size(),
            "lines": len(self.data.records),
            "started": time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()),
        }

    def upkeep(self, elements: int) -> Upkeep:
        """Return what is kept; validation is looked at ten times a run unless told otherwise."""
        steps = self.settings.epochs * -(-elements // self.settings.prompts_per_step)
        every = self.options.validate_every
        if every is None:
            every = max(1, steps // 10)
        return Upkeep(max(1, self.options.keep), every if self.validation else 0, self._log())

    def _log(self) -> Log | None:
        """Return what also hears of each step; it is closed with the folder's lock."""
        if not parallel.is_first():
            return None
        return open_sinks(self.options.log_to, self.folder, self.settings.as_dict(), self.lock)

    def train(self, what: str, run: Callable[..., Trained | Paused]) -> Trained:
        """Run the last training with a bar; an interrupt saves and raises Stopped.

        Raises Aside in every process but the first.
        """
        trained = self.train_among(what, run)
        step_aside()
        return trained

    def train_among(self, what: str, run: Callable[..., Trained | Paused]) -> Trained:
        """Do what `train` does for one of several trainings, which every process goes on from."""
        with _stoppable() as should_stop:
            result = run(
                on_progress=lambda done, total: self.bar(what, done, total),
                should_stop=should_stop,
            )
        if isinstance(result, Paused):
            raise Stopped(f"Interrupted at step {result.step} of {result.steps}, saved.")
        return result


def step_aside() -> None:
    """Raise Aside unless this is the first process: what is left to do is for that one."""
    if not parallel.is_first():
        raise Aside


def adapter_of(name: str, given: str | Path | None) -> Path | None:
    """Return the policy's checkpoint in a run or in the folder itself. Raises EngineError."""
    if given is None:
        return None
    folder = Path(given)
    for each in (folder / ADAPTER, folder):
        if (each / MANIFEST).exists():
            return each
    raise EngineError(f"{name}: {folder} holds no adapter and no finished run")


def hash_of(folder: Path | None) -> str | None:
    """Return what names an adapter in a run's identity."""
    return verify(folder) if folder else None


@contextmanager
def _stoppable() -> Iterator[Callable[[], bool]]:
    """Turn the first interrupt or termination into a wish; the second one works as ever."""
    wished: list[int] = []

    def wish(number: int, frame: FrameType | None) -> None:
        wished.append(number)
        for each, handler in before.items():
            signal.signal(each, handler)

    before = {each: signal.signal(each, wish) for each in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield lambda: bool(wished)
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)

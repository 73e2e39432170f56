"""The command line: a subcommand for each method, an option for each field of its settings.

Imports no torch, so that --help answers at once.
"""

from __future__ import annotations

import argparse
import json
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, NoReturn, get_args

from training.engine.config import (
    DirectLoss,
    PreferenceSettings,
    RewardSettings,
    SamplingSettings,
    SftSettings,
)
from training.engine.errors import EngineError
from training.engine.ppo.config import Algorithm, PpoSettings
from training.engine.settings import Explained, explained

NAMED_REWARDS = ("vader",)
LOSS_HELP = {
    "dpo": "direct preference optimisation, from rankings or pairs",
    "ipo": "identity preference optimisation: wants a lead, not as much as possible",
    "hinge": "SLiC's hinge on the same lead",
    "kto": "from thumbs, each by itself; rankings serve too",
    "orpo": "the best answer's likelihood and an odds ratio; no reference model",
    "simpo": "length-normalised, with a margin; no reference model",
}
ALGORITHM_HELP = {
    "ppo": "proximal policy optimisation against a reward",
    "reinforce": "its baseline: one update a batch, the batch's mean for a baseline",
    "rloo": "REINFORCE with the prompt's other rollouts for a baseline",
}


@dataclass(frozen=True)
class Method:
    """What a subcommand trains."""

    name: str
    help: str
    settings: Any  # its class of settings
    fixed: dict[str, str] = field(default_factory=dict)  # fields that the name decides

    def fields(self) -> list[Explained]:
        """Return the fields that are options."""
        return [
            each
            for each in explained(self.settings)
            if each.path[0] not in self.fixed
            and (not each.only or self.name in each.only or not set(each.only) & set(METHODS))
        ]


METHODS = {
    each.name: each
    for each in (
        Method("sft", "supervised fine-tuning on demonstrations", SftSettings),
        Method("reward", "a reward model, from rankings or pairs", RewardSettings),
        *(
            Method(name, LOSS_HELP[name], PreferenceSettings, {"loss": name})
            for name in get_args(DirectLoss)
        ),
        *(
            Method(name, ALGORITHM_HELP[name], PpoSettings, {"algorithm": name})
            for name in get_args(Algorithm)
        ),
    )
}


BEST_OF_N = "best-of-n"
# What runs no training beside what does.
COMMANDS = {
    **METHODS,
    BEST_OF_N: Method(
        BEST_OF_N, "no training: of n answers, the one that a reward likes best", SamplingSettings
    ),
}


class Parser(argparse.ArgumentParser):
    """A parser whose complaints are one line."""

    def error(self, message: str) -> NoReturn:
        """Raise EngineError."""
        raise EngineError(f"{message}; see --help")


def parse(arguments: Sequence[str] | None) -> tuple[Method, argparse.Namespace, Any]:
    """Return the method, the options and the method's settings. Raises EngineError."""
    parser = Parser(
        prog="python -m training.engine",
        description="Train a model by human preferences: the code that rounds run, without a site.",
    )
    commands = parser.add_subparsers(dest="method", metavar="METHOD", required=True)
    for method in COMMANDS.values():
        command = commands.add_parser(
            method.name, help=method.help, description=_capital(method.help), allow_abbrev=False
        )
        _add_files(command, method)
        _add_settings(command, method)
    options = parser.parse_args(arguments)
    method = COMMANDS[options.method]
    return method, options, _settings(method, options)


def _add_files(command: argparse.ArgumentParser, method: Method) -> None:
    add = command.add_argument
    add("--data", type=Path, required=True, metavar="FILE", help="JSON lines; see docs/training.md")
    add("--model", type=Path, required=True, metavar="FOLDER",
        help="a causal language model as transformers saves it, with its tokenizer")  # fmt: skip
    add("--out", type=Path, required=True, metavar="FOLDER",
        help="where all of the run goes; the same command again goes on with it")  # fmt: skip
    add("--settings", type=Path, metavar="FILE",
        help="JSON of settings, such as an earlier run's settings.json; options win")  # fmt: skip
    add("--validation", type=Path, metavar="FILE",
        help="lines to judge by; those of --data with split validation join them")  # fmt: skip
    if method.name != "reward":
        add("--start", type=Path, metavar="FOLDER",
            help="a run or adapter to begin with, such as an SFT run [the model]")  # fmt: skip
    if method.name not in ("reward", BEST_OF_N):
        add("--samples", type=_count, default=8, metavar="N",
            help="prompts answered before and after, for samples.jsonl [8]")  # fmt: skip
        add("--sample-tokens", type=_count, default=64, metavar="N",
            help="tokens at which these samples are cut off [64]")  # fmt: skip
    if method.settings in (PreferenceSettings, PpoSettings):
        add("--reference", metavar="FOLDER",
            help="what the policy is held to: a run or adapter, or model for the model alone "
            "[what --start names]")  # fmt: skip
    if method.settings in (PpoSettings, SamplingSettings):
        add("--reward", required=True, nargs="+", metavar="FOLDER",
            help=f"a reward run, or one of: {', '.join(NAMED_REWARDS)}; of several, or of a run "
            "with members, the mean by each one's own measure")  # fmt: skip
        add("--caution", type=_finite, default=1.0, metavar="X",
            help="standard deviations of their disagreement that are taken off it [1]")  # fmt: skip
    if method.name == BEST_OF_N:
        add("--endpoint", metavar="URL",
            help="an OpenAI-compatible server that draws instead, such as vLLM's "
            "http://localhost:8000/v1; $ENDPOINT_KEY is its key")  # fmt: skip
        add("--endpoint-model", metavar="NAME",
            help="what it calls the model [the name of --model's folder]")  # fmt: skip
    if method.settings is PpoSettings:
        add("--demonstrations", type=Path, metavar="FILE",
            help="what --ptx-weight holds the policy to")  # fmt: skip
    if method.name != BEST_OF_N:
        add("--validate-every", type=_count, metavar="STEPS",
            help="steps between two looks at the validation data [a tenth of the run]")  # fmt: skip
        add("--log-to", nargs="+", choices=("tensorboard", "mlflow"), default=[],
            help="where each step's metrics go as well, if it is installed")  # fmt: skip
        add(
            "--keep", type=_count, default=2, metavar="N", help="progress checkpoints that stay [2]"
        )
    add("--device", metavar="NAME", help="cpu or cuda [a GPU where there is one]")
    add("--threads", type=int, metavar="N", help="CPU threads [as many as there are cores]")
    add("--json", action="store_true", help="print the report as JSON on the last line")


def _add_settings(command: argparse.ArgumentParser, method: Method) -> None:
    group = command.add_argument_group("settings", _capital(method.settings.__doc__.split("\n")[0]))
    for each in method.fields():
        about: dict[str, Any] = {
            "dest": ".".join(("setting", *each.path)),
            "default": argparse.SUPPRESS,
            "help": _help(each).replace("%", "%%"),
        }
        if each.kind is bool:
            about["action"] = argparse.BooleanOptionalAction
        else:
            about |= {"type": each.kind, "choices": each.choices or None}
            about["metavar"] = None if each.choices else each.kind.__name__.upper()
        group.add_argument("--" + "-".join(each.path).replace("_", "-"), **about)


def _settings(method: Method, options: argparse.Namespace) -> Any:
    """Return the settings: the file's, and the options' over them."""
    values = _read_settings(options.settings) if options.settings else {}
    for name, value in vars(options).items():
        if name.startswith("setting."):
            *outer, last = name.split(".")[1:]
            inner = values
            for each in outer:
                inner = inner.setdefault(each, {})
            inner[last] = value
    for name, value in method.fixed.items():
        if values.setdefault(name, value) != value:
            raise EngineError(f"{options.settings} is for {values[name]}, not for {value}")
    try:
        return method.settings.from_dict(values)
    except (TypeError, ValueError) as error:
        raise EngineError(f"settings: {error}") from None


def _read_settings(path: Path) -> dict[str, Any]:
    try:
        values = json.loads(path.read_text())
    except OSError as error:
        raise EngineError(f"{path} cannot be read: {error.strerror}") from None
    except ValueError as error:
        raise EngineError(f"{path} is not JSON: {error}") from None
    if not isinstance(values, dict):
        raise EngineError(f"{path} must hold a JSON object")
    return values


def _help(each: Explained) -> str:
    """Return a field's sentence, whom it is for where that is a choice, and its default."""
    chosen = " or ".join(each.only) if not set(each.only) & set(METHODS) else ""
    shown = ("no", "yes")[each.default] if each.kind is bool else each.default
    return f"{chosen}{': ' if chosen else ''}{each.help} [{shown}]"


def _count(text: str) -> int:
    value = int(text)
    if value < 0:
        raise ValueError
    return value


def _finite(text: str) -> float:
    value = float(text)
    if not math.isfinite(value):
        raise ValueError
    return value


def _capital(text: str) -> str:
    return f"{text[0].upper()}{text[1:].rstrip('.')}."

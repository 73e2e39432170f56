"""compose.yaml and Dockerfile, read as far as this project writes them."""

import json
import re
import shlex
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import yaml

ROOT = Path(__file__).resolve().parents[2]
VARIABLE = re.compile(r"(?<!\$)\$\{(\w+)(?::([-?])([^}]*))?\}")
Environment = dict[str, str]


@dataclass
class Stage:
    """One ``FROM`` of the Dockerfile with its instructions in order."""

    name: str
    base: str
    instructions: list[tuple[str, str]] = field(default_factory=list)

    def all(self, word: str) -> list[str]:
        return [text for each, text in self.instructions if each == word]


def read_dockerfile() -> dict[str, Stage]:
    """The stages by name."""
    text = (ROOT / "Dockerfile").read_text()
    lines = [line for line in text.splitlines() if not line.lstrip().startswith("#")]
    stages: dict[str, Stage] = {}
    for line in re.sub(r"\\\n\s*", "", "\n".join(lines)).splitlines():
        word, _, rest = line.strip().partition(" ")
        if word == "FROM":
            base, _, name = rest.partition(" AS ")
            stage = stages[name] = Stage(name, base)
        elif word:
            stage.instructions.append((word, rest.strip()))
    return stages


def read_compose() -> dict[str, Any]:
    parsed: dict[str, Any] = yaml.safe_load((ROOT / "compose.yaml").read_text())
    return parsed


def interpolate(text: str, environment: Environment) -> str:
    """What compose makes of ``text``. Raises KeyError with its message for a variable that must
    be set and is not."""

    def value(match: re.Match[str]) -> str:
        name, kind, rest = match.groups()
        if environment.get(name):
            return environment[name]
        if kind == "?":
            raise KeyError(rest)
        return rest or ""

    return VARIABLE.sub(value, text).replace("$$", "$")


def variables(text: str) -> set[str]:
    """The names that compose looks up."""
    return {match[1] for match in VARIABLE.finditer(text)}


def service_environment(service: dict[str, Any], environment: Environment) -> Environment:
    return {
        name: interpolate(str(value), environment) for name, value in service["environment"].items()
    }


def service_command(service: dict[str, Any]) -> list[str]:
    """The service's own command, or else that of its image."""
    if "command" in service:
        return [interpolate(each, {}) for each in service["command"]]
    (command,) = read_dockerfile()[service["build"]["target"]].all("CMD")
    parsed: list[str] = json.loads(command)
    return parsed


def service_check(service: dict[str, Any]) -> list[str]:
    """The command of the service's health check, or else of its image's."""
    if "healthcheck" in service:
        kind, *command = (interpolate(each, {}) for each in service["healthcheck"]["test"])
        return ["sh", "-c", *command] if kind == "CMD-SHELL" else command
    (check,) = read_dockerfile()[service["build"]["target"]].all("HEALTHCHECK")
    parsed: list[str] = json.loads(check.partition("CMD ")[2])
    return parsed


def words(command: str) -> list[str]:
    return shlex.split(command)

"""The requirement files, read."""

import re
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parents[2]


def normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def read_lines(name: str) -> list[str]:
    """The lines of a file that say something."""
    lines = (line.partition("#")[0].strip() for line in (ROOT / name).read_text().splitlines())
    return [line for line in lines if line]


def read_requirements(name: str) -> list[Requirement]:
    """What a file lists, and what the files that it includes list."""
    found = []
    for line in read_lines(name):
        if line.startswith("-r "):
            found += read_requirements(line.removeprefix("-r ").strip())
        else:
            found.append(Requirement(line))
    return found


def read_pins(name: str) -> dict[str, Requirement]:
    """The same, by normal name."""
    return {normal(requirement.name): requirement for requirement in read_requirements(name)}

"""The first pass: every row is held to every rule, and nothing is written."""

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

from django.utils.translation import gettext_noop

from annotation.errors import Invalid
from annotation.importing.batches import batches
from annotation.importing.files import RowFile
from annotation.importing.kinds import Intake, Parsed
from annotation.models import Project
from annotation.progress import Report
from annotation.telling import Sentence

BATCH_ROWS = 500
MAX_PROBLEMS = 50
FIELD = re.compile(r"(?!malformed )([a-z_]+)(?:,? [^:]{0,80})?: ")
OTHERS = Sentence(gettext_noop("Other problems."))


@dataclass
class Problem:
    """Alike complaints: of which field, why (the first one's words), on which line first."""

    field: str
    why: Sentence
    line: int
    lines: int = 0

    def as_dict(self) -> dict[str, Any]:
        """``why`` in English, and how to tell it in another language."""
        return {**vars(self), "why": self.why.english, **self.why.as_dict()}


@dataclass
class Findings:
    """What is wrong with a file: its first bad line, how many there are, and of which kinds."""

    line: int = 0
    text: str = ""
    lines: int = 0
    problems: dict[tuple[str, str], Problem] = field(default_factory=dict)

    def add(self, line: int, why: Sentence) -> None:
        self.lines += 1
        if not self.line or line < self.line:
            self.line, self.text = line, why.english
        problem = self._problem(line, why)
        problem.line, problem.lines = min(problem.line, line), problem.lines + 1

    def _problem(self, line: int, why: Sentence) -> Problem:
        """The one of its kind: complaints that differ in numbers and quotations are alike."""
        text = why.english
        found = FIELD.match(text)
        name = found[1] if found else ""
        kind = name, re.sub(r"\d[\d,.]*|'[^']*'|\"[^\"]*\"", "…", text)
        if kind not in self.problems and len(self.problems) >= MAX_PROBLEMS:
            kind, why = ("", ""), OTHERS
        return self.problems.setdefault(kind, Problem(kind[0], why, line))

    def refuse(self, name: str, unit: str = "line") -> None:
        """Raises Invalid when anything was found."""
        more = self.lines - 1
        tail = f" And {more} more {unit if more == 1 else unit + 's'} with problems."
        if self.lines:
            raise Invalid(f"{name}, {unit} {self.line}: {self.text}{tail if more else ''}")

    def as_list(self) -> list[dict[str, Any]]:
        """The problems, the most frequent first."""
        found = sorted(self.problems.values(), key=lambda each: (-each.lines, each.line))
        return [problem.as_dict() for problem in found]


def check(file: RowFile, intake: Intake, project: Project | None, report: Report) -> int:
    """The number of rows, all of them good. Raises Invalid with the first that is not."""
    rows, findings = look(file, intake, project, report)
    findings.refuse(file.name, file.unit)
    if not rows:
        raise Invalid(f"{file.name} holds no rows. Write at least one.")
    return rows


def look(
    file: RowFile, intake: Intake, project: Project | None, report: Report
) -> tuple[int, Findings]:
    """The number of good rows, and what is wrong with the others."""
    findings = Findings()
    rows = 0
    for batch in batches(_parsed(file, intake, findings, report), lambda: BATCH_ROWS):
        rows += len(batch)
        for line, why in _complaints(intake, project, batch):
            rows -= 1
            findings.add(line, why)
    return rows, findings


def _parsed(file: RowFile, intake: Intake, findings: Findings, report: Report) -> Iterator[Parsed]:
    for line in file.lines():
        report("Checking", line.end, file.size)
        try:
            yield Parsed(line.number, intake.read(file, line))
        except Invalid as refusal:
            findings.add(line.number, refusal.sentence)


def _complaints(
    intake: Intake, project: Project | None, batch: list[Parsed]
) -> Iterable[tuple[int, Sentence]]:
    """At most one for each line: the file's own contradictions, then those with the project."""
    found = dict(intake.contradictions(batch))
    if project is not None:
        rest = [parsed for parsed in batch if parsed.line not in found]
        found |= dict(intake.conflicts(project, rest))
    return found.items()

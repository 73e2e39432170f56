"""The first pass: every row is held to every rule, and nothing is written."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from annotation.errors import Invalid
from annotation.importing.batches import batches
from annotation.importing.files import RowFile
from annotation.importing.kinds import Intake, Parsed
from annotation.models import Project
from annotation.progress import Report

BATCH_ROWS = 500


@dataclass
class Findings:
    """What is wrong with a file: its first bad line, and how many there are."""

    line: int = 0
    text: str = ""
    lines: int = 0

    def add(self, line: int, text: str) -> None:
        self.lines += 1
        if not self.line or line < self.line:
            self.line, self.text = line, text

    def refuse(self, name: str) -> None:
        """Raises Invalid when anything was found."""
        more = self.lines - 1
        tail = f" And {more} more {'line' if more == 1 else 'lines'} with problems." if more else ""
        if self.lines:
            raise Invalid(f"{name}, line {self.line}: {self.text}{tail}")


def check(file: RowFile, intake: Intake, project: Project | None, report: Report) -> int:
    """The number of rows, all of them good. Raises Invalid with the first that is not."""
    findings = Findings()
    rows = 0
    for batch in batches(_parsed(file, intake, findings, report), lambda: BATCH_ROWS):
        rows += len(batch)
        for line, text in _complaints(intake, project, batch):
            findings.add(line, text)
    findings.refuse(file.name)
    if not rows:
        raise Invalid(f"{file.name} holds no rows. Write at least one.")
    return rows


def _parsed(file: RowFile, intake: Intake, findings: Findings, report: Report) -> Iterator[Parsed]:
    for line in file.lines():
        report("Checking", line.end, file.size)
        try:
            if line.problem:
                raise Invalid(line.problem)
            yield Parsed(line.number, intake.parse(line.value))
        except Invalid as refusal:
            findings.add(line.number, str(refusal))


def _complaints(
    intake: Intake, project: Project | None, batch: list[Parsed]
) -> Iterable[tuple[int, str]]:
    """At most one for each line: the file's own contradictions, then those with the project."""
    found = dict(intake.contradictions(batch))
    if project is not None:
        rest = [parsed for parsed in batch if parsed.line not in found]
        found |= dict(intake.conflicts(project, rest))
    return found.items()

"""What the commands that import have in common."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation.errors import Invalid
from annotation.importing import Columns, Options, Outcome, preview
from annotation.management.base import VerbCommand
from annotation.models import Import
from annotation.progress import Bar


class ImportCommand(VerbCommand):
    interrupted = "Interrupted; nothing is shown yet. Run the same command again to go on."

    kind: Import.Kind

    @abstractmethod
    def take_in(self, file: Path, slug: str, options: Options) -> Outcome:
        """Call the verb."""

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("file", type=Path)
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--create", action="store_true", help="Make the project if need be.")
        parser.add_argument(
            "--drop-unfinished",
            action="store_true",
            help="Remove what an import of another file has stored and not finished.",
        )
        parser.add_argument(
            "--map",
            action="append",
            default=[],
            metavar="FIELD=COLUMN",
            help="Which column of the file holds a field; all that is not named or known is left "
            "out. Once for each.",
        )
        parser.add_argument(
            "--check",
            action="store_true",
            help="Only say what is in the file and what is wrong with it; write nothing.",
        )
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        columns = _columns(options["map"])
        with Bar() as bar:
            how = Options(options["create"], options["drop_unfinished"], columns, report=bar)
            if options["check"]:
                return preview(self.kind, options["file"], options["project"], how).as_dict()
            return self.take_in(options["file"], options["project"], how).as_dict()

    def describe(self, result: dict[str, Any]) -> str:
        if "problems" in result:
            return _describe_preview(result)
        if result["imported_before"]:
            return f"{result['project']} holds this file already. Nothing was added."
        added = ", ".join(
            f"{result[name]:,} {name}"
            for name in ("prompts", "completions", "tasks", "rankings")
            if result[name]
        )
        return f"{result['rows']:,} rows read; added to {result['project']}: {added or 'nothing'}."


def _columns(named: list[str]) -> Columns:
    """Raises Invalid."""
    pairs = [text.partition("=") for text in named]
    for text, (field, _, column) in zip(named, pairs, strict=True):
        if not field or not column:
            raise Invalid(f"map: {text!r} is not FIELD=COLUMN, as in prompt=question.")
    return Columns({field: column for field, _, column in pairs})


def _describe_preview(result: dict[str, Any]) -> str:
    lines = [
        f"{result['file']}: {result['rows']:,} good rows, {result['bad']:,} with problems.",
        f"Columns: {', '.join(result['columns']) or 'none'}.",
    ]
    if result["problems"]:
        lines.append(f"{'rows':>9}  {'first at':>9}  what is wrong")
    lines += [
        f"{each['lines']:>9,}  {each['line']:>9,}  {each['why']}" for each in result["problems"]
    ]
    return "\n".join(lines)

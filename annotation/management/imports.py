"""What the commands that import have in common."""

from abc import abstractmethod
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation.importing import Options, Outcome
from annotation.management.base import VerbCommand
from annotation.progress import Bar


class ImportCommand(VerbCommand):
    interrupted = "Interrupted; nothing is shown yet. Run the same command again to go on."

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
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        with Bar() as bar:
            outcome = self.take_in(
                options["file"],
                options["project"],
                Options(options["create"], options["drop_unfinished"], report=bar),
            )
        return outcome.as_dict()

    def describe(self, result: dict[str, Any]) -> str:
        if result["imported_before"]:
            return f"{result['project']} holds this file already. Nothing was added."
        added = ", ".join(
            f"{result[name]:,} {name}"
            for name in ("prompts", "completions", "tasks", "rankings")
            if result[name]
        )
        return f"{result['rows']:,} rows read; added to {result['project']}: {added or 'nothing'}."

from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation.exporting import check_export
from annotation.management.base import VerbCommand


class Command(VerbCommand):
    help = "Say whether an export is this site's, and unchanged, by its manifest."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("manifest", type=Path, metavar="MANIFEST")
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        return check_export(options["manifest"])

    def describe(self, result: dict[str, Any]) -> str:
        return (
            f"This site exported {result['file']} from {result['project']}, and none of its "
            f"{len(result['files'])} files has changed."
        )

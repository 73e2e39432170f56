from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation import exporting
from annotation.management.base import VerbCommand
from annotation.progress import Bar
from annotation.projects import get_project


class Command(VerbCommand):
    help = "Write the rankings of a project that count to a file, and a manifest beside it."
    interrupted = "Interrupted; nothing was written. Run it again to start over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--format", required=True, choices=list(exporting.FORMATS))
        parser.add_argument("--out", required=True, type=Path, metavar="PATH")
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        project = get_project(options["project"])
        with Bar() as bar:
            manifest = exporting.export(project, options["format"], options["out"], report=bar)
        return manifest.as_dict() | {"path": str(options["out"])}

    def describe(self, result: dict[str, Any]) -> str:
        return (
            f"{result['rankings']:,} rankings of {result['project']} written to "
            f"{result['path']}: {result['rows']:,} rows, {result['pairs']:,} pairs."
        )

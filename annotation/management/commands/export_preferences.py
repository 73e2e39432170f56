from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation import exporting
from annotation.exporting.card import SPLITS
from annotation.management.base import VerbCommand
from annotation.pairs import Ties
from annotation.progress import Bar
from annotation.projects import get_project
from annotation.snapshots import get_snapshot


class Command(VerbCommand):
    help = (
        "Write the rankings of a project that count, or those of a snapshot, to a file, and a "
        "manifest beside it; with the format hf, to a folder."
    )
    interrupted = "Interrupted; nothing was written. Run it again to start over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--format", required=True, choices=list(exporting.NAMES))
        parser.add_argument("--out", required=True, type=Path, metavar="PATH")
        parser.add_argument("--snapshot", metavar="NAME", help="All that counts now, if left out.")
        parser.add_argument(
            "--ties",
            choices=[ties.value for ties in Ties],
            help="Leave tied pairs out, give them a soft label of 0.5, or keep them both ways; the "
            "snapshot's policy, if left out.",
        )
        parser.add_argument(
            "--split", choices=SPLITS, help="This one alone; all of them, if left out."
        )
        parser.add_argument(
            "--licence",
            metavar="ID",
            help="What card, Croissant and manifest say, by SPDX: CC-BY-4.0, …; the snapshot's, or "
            "that under which the data came in, if left out.",
        )
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        project = get_project(options["project"])
        named = options["snapshot"]
        terms = exporting.Terms(
            snapshot=get_snapshot(project, named) if named else None,
            ties=Ties(options["ties"]) if options["ties"] else None,
            licence=options["licence"],
            split=options["split"],
        )
        with Bar() as bar:
            manifest = exporting.export(
                project, options["format"], options["out"], terms, report=bar
            )
        return manifest.as_dict() | {"path": str(options["out"])}

    def describe(self, result: dict[str, Any]) -> str:
        lines = [
            f"{result['rankings']:,} rankings of {result['project']} written to "
            f"{result['path']}: {result['rows']:,} rows, {result['pairs']:,} pairs."
        ]
        lines += [f"Left out: {count:,} {what}." for what, count in result["left_out"].items()]
        if result["withdrawn"]:
            lines.append(
                f"{result['withdrawn']:,} of them were withdrawn since the snapshot was frozen. "
                "Freeze a new one to leave them out."
            )
        return "\n".join(lines)

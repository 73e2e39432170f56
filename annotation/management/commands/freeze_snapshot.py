from typing import Any

from django.core.management.base import CommandParser

from annotation.choosing import RANKINGS, Choice
from annotation.management.base import VerbCommand
from annotation.management.moments import moment
from annotation.models import Annotator, Submission, TaskKind
from annotation.pairs import Ties
from annotation.projects import get_project
from annotation.snapshots import check_name, freeze

SEVERAL = ("kinds", "guidelines", "annotators", "origins", "sources", "labels")


class Command(VerbCommand):
    help = (
        "Freeze what people said in a project, or a choice of it, into a snapshot that never "
        "changes: everybody's own answers, or the consensus on each task."
    )
    interrupted = "Interrupted; nothing was frozen. Run it again to start over."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--name", required=True, help="By which papers and commands call it.")
        parser.add_argument("--kinds", nargs="+", choices=TaskKind.values, default=list(RANKINGS))
        parser.add_argument("--since", metavar="TIME", help="A date, or date and time, of ISO 8601")
        parser.add_argument("--until", metavar="TIME", help="Up to, not with, this date or time")
        parser.add_argument("--guidelines", nargs="+", default=[], metavar="LABEL")
        parser.add_argument("--annotators", nargs="+", default=[], choices=Annotator.Kind.values)
        parser.add_argument("--origins", nargs="+", default=[], choices=Submission.Origin.values)
        parser.add_argument("--sources", nargs="+", default=[], metavar="MODEL")
        parser.add_argument("--labels", nargs="+", default=[], metavar="MARK")
        for name in ("agreement", "accuracy"):
            parser.add_argument(
                f"--minimum-{name}", type=_share, metavar="SHARE", help="Of each annotator, 0 to 1"
            )
        self._add_terms(parser)
        super().add_arguments(parser)

    def _add_terms(self, parser: CommandParser) -> None:
        """How what is chosen goes out."""
        parser.add_argument("--ties", choices=[ties.value for ties in Ties], default=Ties.DROP)
        parser.add_argument(
            "--consensus",
            action="store_true",
            help="One ranking for each task goes out: what its people agree on best.",
        )
        parser.add_argument(
            "--licence",
            metavar="ID",
            help="Of all that is exported from it, by SPDX: CC-BY-4.0, …; that under which the "
            "data came in, if left out.",
        )

    def run(self, **options: Any) -> dict[str, Any]:
        project = get_project(options["project"])
        said: dict[str, Any] = {name: tuple(sorted(set(options[name]))) for name in SEVERAL}
        said |= {name: moment(name, options[name]) for name in ("since", "until")}
        said |= {name: options[name] for name in ("minimum_agreement", "minimum_accuracy")}
        choice = Choice(**said, ties=Ties(options["ties"]), consensus=options["consensus"])
        name = check_name(options["name"])
        made = freeze(
            project, name, choice, measured=True, licence=options["licence"], by="freeze_snapshot"
        )
        tasks = made.consensus.count() if made.is_consensus else None
        return {
            "project": project.slug,
            "snapshot": made.name,
            "licence": made.licence,
            "answers": made.size,
            "consensus": tasks,
            "sha256": made.sha256,
        }

    def describe(self, result: dict[str, Any]) -> str:
        agreed = (
            "" if result["consensus"] is None else f", a consensus on {result['consensus']:,} tasks"
        )
        return (
            f"Frozen: {result['answers']:,} answers{agreed}. {result['snapshot']} of "
            f"{result['project']} has the hash {result['sha256']}."
        )


def _share(text: str) -> float:
    value = float(text)
    if not 0 <= value <= 1:
        raise ValueError(text)
    return value

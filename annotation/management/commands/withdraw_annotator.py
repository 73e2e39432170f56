from typing import Any

from django.core.management.base import CommandParser

from annotation.errors import Invalid
from annotation.management.base import VerbCommand
from annotation.models import Annotator
from annotation.projects import get_project
from annotation.withdrawals import withdraw_person


class Command(VerbCommand):
    help = (
        "Withdraw all that a person has said in a project, at their wish. It stays stored and "
        "counts no more, for good; snapshots and models that hold it say so."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--annotator", required=True, metavar="PSEUDONYM")
        parser.add_argument("--reason", required=True, help="Who asked for it, and when.")
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        project, name = get_project(options["project"]), options["annotator"]
        annotator = Annotator.objects.filter(project=project, pseudonym=name).first()
        if annotator is None:
            raise Invalid(f"annotator: nobody in {project.slug} goes by {name!r}. Name another.")
        done = withdraw_person(annotator, by="withdraw_annotator", reason=options["reason"])
        return {"project": project.slug, "annotator": name, "withdrawn": done}

    def describe(self, result: dict[str, Any]) -> str:
        return f"Withdrawn: {result['withdrawn']:,} answers of {result['annotator']}."

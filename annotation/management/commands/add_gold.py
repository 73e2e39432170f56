from typing import Any

from django.core.management.base import CommandParser

from annotation.errors import Invalid
from annotation.management.base import VerbCommand
from annotation.models import Project, Submission, Task
from annotation.projects import get_project
from annotation.tasking import make_gold


class Command(VerbCommand):
    help = (
        "Make gold tasks of rankings that are known to be right: one submission, or all rankings "
        "of an annotator, such as an expert or an import. They come to people at random, in the "
        "project's share, and look like any other task."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        chosen = parser.add_mutually_exclusive_group(required=True)
        chosen.add_argument("--submission", type=int, metavar="ID")
        chosen.add_argument("--annotator", metavar="PSEUDONYM")
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        project = get_project(options["project"])
        golds = Task.objects.filter(project=project, purpose=Task.Purpose.GOLD)
        before = golds.count()
        for reference in _references(project, options["submission"], options["annotator"]):
            make_gold(reference, by="add_gold")
        now = golds.count()
        return {"project": project.slug, "made": now - before, "gold": now}

    def describe(self, result: dict[str, Any]) -> str:
        return (
            f"{result['made']:,} gold tasks made; {result['project']} has {result['gold']:,} now."
        )


def _references(
    project: Project, submission: int | None, annotator: str | None
) -> list[Submission]:
    """Raises Invalid where there is nothing to choose."""
    mine = Submission.objects.new_judgements().filter(project=project, ranking__isnull=False)
    chosen = (
        mine.filter(pk=submission) if submission else mine.filter(annotator__pseudonym=annotator)
    )
    found = list(chosen.order_by("pk"))
    if not found:
        raise Invalid("There is no such ranking that counts in this project. Choose another.")
    return found

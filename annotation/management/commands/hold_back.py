from typing import Any

from django.core.management.base import CommandParser

from annotation.holding import held_of, look_again
from annotation.management.base import VerbCommand
from annotation.progress import Bar
from annotation.projects import get_project


class Command(VerbCommand):
    help = (
        "Look once more through the responses that wait to be judged and that nobody has seen, "
        "and hold back those that name a model or a vendor, by the names in the project's "
        "settings. New responses are looked through as they come in."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        project = get_project(options["project"])
        with Bar() as bar:
            held = look_again(project, bar)
        return {"project": project.slug, "held": held, "waiting": held_of(project).count()}

    def describe(self, result: dict[str, Any]) -> str:
        return (
            f"{result['held']:,} responses held back; {result['waiting']:,} wait for a decision "
            f"in {result['project']}."
        )

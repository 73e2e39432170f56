from collections.abc import Iterator
from typing import Any

from django.core.management.base import CommandParser

from annotation.management.base import VerbCommand
from annotation.management.moments import moment
from annotation.models import Annotator
from annotation.projects import get_project
from annotation.quality.reading import Filters, check
from annotation.quality.reports import agreement_report, people_report

WIDTH = 26
MOST_TWO = 10  # pairs of people that are printed; --json has more


class Command(VerbCommand):
    help = "Say how far people agree, and who is reliable, with 95 % intervals."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--since", metavar="TIME", help="A date, or date and time, of ISO 8601")
        parser.add_argument("--until", metavar="TIME", help="Up to, not with, this date or time")
        parser.add_argument("--category", default="", help="That of the prompts' metadata")
        parser.add_argument("--guideline", default="", metavar="LABEL")
        parser.add_argument("--kind", default="", choices=Annotator.Kind.values)
        parser.add_argument(
            "--groups",
            action="store_true",
            help="By the groups that people count themselves among too. They agreed that the "
            "project's managers see that: pass it on to nobody else.",
        )
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        project = get_project(options["project"])
        filters = Filters(
            since=moment("since", options["since"]),
            until=moment("until", options["until"]),
            category=options["category"],
            guideline=options["guideline"],
            kind=options["kind"],
        )
        check(project, filters)
        people = people_report(project, filters)
        found = agreement_report(project, filters, for_manager=options["groups"])
        return {**found, "people": people}

    def describe(self, result: dict[str, Any]) -> str:
        lines = [
            f"{result['project']}: {result['rankings']:,} rankings of {result['questions']:,} "
            f"questions by {result['annotators']:,} annotators; {result['shared_questions']:,} "
            "questions were judged by several.",
            *(_line(name, figure) for name, figure in result["figures"].items()),
        ]
        for of, figures in result["labels"].items():
            lines += [_line(f"{of}: {name}", figure) for name, figure in figures.items()]
        for label, figures in result["own_labels"].items():
            lines += [_line(f"label {label}: {name}", each) for name, each in figures.items()]
        lines += [_line(name, figure) for name, figure in _kappas(result)]
        lines += [_line(name, figure) for name, figure in _parts(result)]
        lines += result["warnings"] or []
        for person in result["people"]:
            lines += [f"{person['annotator']}: {flag['sentence']}" for flag in person["flags"]]
        return "\n".join(lines)


def _kappas(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """Cohen's kappa of each label, of those who met most often."""
    for two in result["pairs"][:MOST_TWO]:
        people = f"kappa of {two['one']} and {two['other']}"
        yield f"unacceptable: {people}", two["unacceptable"]
        for label, figure in two["labels"].items():
            yield f"label {label}: {people}", figure


def _parts(result: dict[str, Any]) -> Iterator[tuple[str, dict[str, Any]]]:
    """How often two people decide alike, in parts: what each is called, and the figure."""
    for each in result["versions"]:
        yield f"guideline {each['guideline'] or 'unknown'}", each["agreement"]
    for each in result["categories"]:
        yield f"category {each['name'] or 'none'}", each["agreement"]
    for each in result["kinds"]:
        yield f"{each['one']} with {each['other']}", each["agreement"]
    for each in result["groups"] or []:
        yield f"{each['trait']}: {each['name']}", each["within"]


def _line(name: str, figure: dict[str, Any]) -> str:
    if figure["value"] is None:
        return f"  {name:{WIDTH}} {figure['why']}"
    interval = (
        f"({figure['low']:.3f} to {figure['high']:.3f})"
        if figure["low"] is not None
        else figure["why"]
    )
    return f"  {name:{WIDTH}} {figure['value']:.3f} {interval}"

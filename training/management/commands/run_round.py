"""Run one round in this process."""

import json
from typing import Any

from django.core.management.base import CommandParser

from annotation.errors import Invalid
from annotation.management.base import VerbCommand
from annotation.models import Project
from annotation.progress import Bar
from training import base_model, rounds, worker
from training.methods import METHODS
from training.models import Round

METHODS_HELP = " ".join(f"{each.name}: {each.says}" for each in METHODS.values())


class Command(VerbCommand):
    help = (
        "Runs a round of a project here: freezes its rankings, fits the reward model, trains the "
        "policy, and puts new samples into the queue. Goes on with a round that is running."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--project", required=True, metavar="SLUG")
        parser.add_argument("--method", default="dpo", choices=list(METHODS), help=METHODS_HELP)
        parser.add_argument("--seed", type=int, help="All chance in the round follows from it.")
        parser.add_argument(
            "--configuration",
            default="{}",
            metavar="JSON",
            help='Settings that differ from the defaults: {"preference": {"beta": 0.2}}.',
        )

    def run(self, **options: Any) -> dict[str, Any]:
        found = Project.objects.filter(slug=options["project"]).first()
        if found is None:
            raise Invalid(f"project: there is no project {options['project']}.")
        base_model.make_ready(self.stderr.write)
        running = Round.objects.filter(project=found, state=rounds.State.RUNNING).first()
        round = running or rounds.start(
            found,
            method=options["method"],
            trigger=Round.Trigger.COMMAND,
            by="run_round",
            configuration=parse_configuration(options["configuration"]),
            seed=options["seed"],
        )
        with Bar() as bar:
            round = worker.run_round(round, bar)
        if round.state == rounds.State.FAILED:
            raise Invalid(f"Round {round.number} failed: {round.outcome}")
        return {
            "round": round.number,
            "state": round.state,
            "outcome": round.outcome,
            "policy": round.policy.version if round.policy else None,
            "metrics": round.metrics,
        }

    def describe(self, result: dict[str, Any]) -> str:
        return f"Round {result['round']} is {result['state']}. {result['outcome']}"


def parse_configuration(text: str) -> dict[str, Any]:
    """A JSON object from the command line. Raises Invalid."""
    try:
        value = json.loads(text)
    except ValueError as error:
        raise Invalid(f"--configuration: not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise Invalid("--configuration: must be a JSON object.")
    return value

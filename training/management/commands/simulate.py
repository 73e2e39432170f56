"""Prove the loop with annotators whose taste is known."""

from datetime import datetime
from typing import Any

from django.core.management.base import CommandParser

from annotation.management.base import VerbCommand
from annotation.progress import Bar
from training import base_model, simulate, tastes
from training.management.commands.run_round import METHODS_HELP, parse_configuration

PLANNED = (
    *("gold", "method", "rounds", "annotators", "seed", "temperature"),
    *("prompts", "held_out", "max_new_tokens", "sampling_temperature"),
)
COLUMNS = (
    ("version", "policy", "v{}"),
    ("state", "state", "{}"),
    ("gold_mean", "gold", "{:.3f}"),
    ("gold_se", "± SE", "{:.3f}"),
    ("kl", "KL", "{:.2f}"),
    ("reference_perplexity", "perplexity", "{:.2f}"),
    ("mean_length", "words", "{:.1f}"),
    ("distinct_2", "distinct-2", "{:.3f}"),
    ("proxy_reward", "proxy", "{:.2f}"),
    ("reward_accuracy", "accuracy", "{:.3f}"),
    ("ece", "ECE", "{:.3f}"),
)


class Command(VerbCommand):
    help = (
        "Simulated annotators with a known taste work through the real queue; rounds run in this "
        "process; a table says what became of each policy."
    )

    def add_arguments(self, parser: CommandParser) -> None:
        super().add_arguments(parser)
        plan = simulate.Plan(gold="concise")
        parser.add_argument("--gold", choices=list(tastes.TASTES), default="concise")
        parser.add_argument(
            "--method", choices=list(simulate.METHODS), default=plan.method, help=METHODS_HELP
        )
        parser.add_argument("--rounds", type=int, default=plan.rounds)
        parser.add_argument("--annotators", type=int, default=plan.annotators)
        parser.add_argument("--seed", type=int, default=plan.seed)
        parser.add_argument("--project", metavar="SLUG", help="A fresh one unless named.")
        parser.add_argument(
            "--temperature",
            type=float,
            default=plan.temperature,
            help="Of the annotators' noise, in units of the gold score.",
        )
        parser.add_argument("--prompts", type=int, default=plan.prompts)
        parser.add_argument("--held-out", type=int, default=plan.held_out)
        parser.add_argument("--max-new-tokens", type=int, default=plan.max_new_tokens)
        parser.add_argument("--sampling-temperature", type=float, default=plan.sampling_temperature)
        parser.add_argument("--configuration", default="{}", metavar="JSON")

    def run(self, **options: Any) -> dict[str, Any]:
        named = {name: options[name] for name in PLANNED}
        plan = simulate.Plan(configuration=parse_configuration(options["configuration"]), **named)
        slug = options["project"] or f"simulate-{plan.gold}-{datetime.now():%Y%m%d-%H%M%S}"
        base_model.make_ready(self.stderr.write)
        made = simulate.prepare(plan, slug)
        outcomes = []
        with Bar() as bar:
            for round in simulate.run(plan, made, bar):
                bar.close()
                outcomes.append({"round": round.number, "outcome": round.outcome})
                self.stderr.write(f"Round {round.number}: {round.outcome}")
        return {
            "project": slug,
            "gold": plan.gold,
            "rounds": outcomes,
            "policies": simulate.results(made, plan.gold),
        }

    def describe(self, result: dict[str, Any]) -> str:
        rows = [[heading for _, heading, _ in COLUMNS]]
        for policy in result["policies"]:
            rows.append([_cell(policy[name], form) for name, _, form in COLUMNS])
        widths = [max(len(row[place]) for row in rows) for place in range(len(COLUMNS))]
        lines = [
            "  ".join(cell.rjust(width) for cell, width in zip(row, widths, strict=True))
            for row in rows
        ]
        return "\n".join(lines)


def _cell(value: Any, form: str) -> str:
    return "–" if value is None else form.format(value)

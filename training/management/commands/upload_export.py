import os
import sys
from getpass import getpass
from pathlib import Path
from typing import Any

from django.core.management.base import CommandParser

from annotation.errors import Invalid
from annotation.management.base import VerbCommand
from annotation.progress import Bar
from training.hub import upload


class Command(VerbCommand):
    help = (
        "Put a folder that export_preferences --format hf wrote onto the Hugging Face hub, with "
        "your token: from HF_TOKEN, or asked for. It is stored nowhere."
    )
    interrupted = "Interrupted; nothing is shown yet. Run the same command again to go on."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("folder", type=Path, metavar="FOLDER")
        parser.add_argument("name", metavar="OWNER/NAME")
        parser.add_argument("--public", action="store_true", help="Let everybody read it.")
        parser.add_argument(
            "--update", action="store_true", help="Replace what the data set holds already."
        )
        super().add_arguments(parser)

    def run(self, **options: Any) -> dict[str, Any]:
        token = _token()
        with Bar() as bar:
            address = upload(
                options["folder"],
                options["name"],
                token,
                private=not options["public"],
                update=options["update"],
                report=bar,
            )
        return {"address": address}

    def describe(self, result: dict[str, Any]) -> str:
        return f"It is at {result['address']}."


def _token() -> str:
    """Never an argument: those can be read by everybody on the machine. Raises Invalid."""
    if token := os.environ.get("HF_TOKEN", "").strip():
        return token
    if not sys.stdin.isatty():
        raise Invalid("token: there is none. Set HF_TOKEN, or run this on a terminal.")
    return getpass("Token of the hub (it is not shown): ").strip()

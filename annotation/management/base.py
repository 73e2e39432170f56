"""What the commands of this project have in common."""

import json
import sys
from abc import abstractmethod
from typing import Any, NoReturn

from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import OperationalError, ProgrammingError, connection
from django.db.migrations.executor import MigrationExecutor

from annotation.errors import Refused

REFUSED = 1
INTERRUPTED = 130  # as a shell reports an interrupt
BEHIND = "The database lacks tables of this version: run manage.py migrate, then this again."


class VerbCommand(BaseCommand):
    """A thin edge: parses, calls one verb, prints what came of it.

    A refusal, of arguments too, ends it with exit code 1 and one line on stderr; Ctrl-C with 130
    and one line.
    ``--json`` prints the result as one JSON object on the last line of stdout.
    """

    # The verbs check what they need; the checks of the site would load all of its pages.
    requires_system_checks: list[str] = []
    _called_from_command_line: bool
    interrupted = "Interrupted. Run it again to go on."

    @abstractmethod
    def run(self, **options: Any) -> dict[str, Any]:
        """Call the verb; returns what ``--json`` prints."""

    @abstractmethod
    def describe(self, result: dict[str, Any]) -> str:
        """The result in words."""

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        parser = super().create_parser(prog_name, subcommand, **kwargs)
        if self._called_from_command_line:
            parser.error = self._refuse  # type: ignore[method-assign]
        return parser

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument(
            "--json", action="store_true", help="Print the result as JSON on the last line."
        )

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            result = self.run(**options)
        except Refused as refusal:
            self._stop(str(refusal), REFUSED, refusal)
        except KeyboardInterrupt as interrupt:
            self._stop(self.interrupted, INTERRUPTED, interrupt)
        except (OperationalError, ProgrammingError) as error:
            if not _lacks_migrations():
                raise
            self._stop(BEHIND, REFUSED, error)
        else:
            self.stdout.write(json.dumps(result) if options["json"] else self.describe(result))

    def _stop(self, message: str, code: int, cause: BaseException) -> NoReturn:
        """Without Django's "CommandError:" before it; whoever calls from code gets the error."""
        if not self._called_from_command_line:
            raise CommandError(message, returncode=code) from cause
        self.stderr.write(message)
        sys.exit(code)

    def _refuse(self, message: str) -> NoReturn:
        self.stderr.write(f"{message}. See --help.")
        sys.exit(REFUSED)


def _lacks_migrations() -> bool:
    executor = MigrationExecutor(connection)
    return bool(executor.migration_plan(executor.loader.graph.leaf_nodes()))

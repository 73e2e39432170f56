"""``manage.py serve``: the site with its workers on this machine, until Ctrl-C."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from annotation.errors import Refused
from training.base_model import is_ready
from webapp.demo.people import read_people, users_file
from webapp.embedded import answers, check_port, only_one, programs
from webapp.supervisor import ProgramFailed, Supervisor

LOG_FOLDER = "log"


class Command(BaseCommand):
    help = "Serve the site on 127.0.0.1 together with its workers. Ctrl-C stops everything."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--port", type=int, default=8000)
        parser.add_argument(
            "--with-parent",
            action="store_true",
            help="Stop when the process that started this one ends.",
        )

    def handle(self, *args: Any, port: int, with_parent: bool, **options: Any) -> None:
        logs = settings.VAR_DIR / LOG_FOLDER
        supervisor = Supervisor(programs(port), logs, self._say, with_parent=with_parent)
        try:
            with only_one(settings.VAR_DIR):
                check_port(port)
                supervisor.run(lambda: answers(port), lambda: self._welcome(port, logs))
        except (Refused, ProgramFailed) as failure:
            raise CommandError(str(failure)) from None
        self._say("\nConcord has stopped.")

    def _say(self, line: str) -> None:
        self.stdout.write(line)
        self.stdout.flush()  # whoever reads this through a pipe is waiting for it

    def _welcome(self, port: int, logs: Path) -> None:
        self._say(f"\nConcord is running at http://127.0.0.1:{port}/\n")
        people = read_people(users_file())
        if people:
            self._introduce(people)
        if not is_ready():
            self._say(
                "The base model is being converted in the background, which takes a minute or "
                "two. Ranking works meanwhile."
            )
        self._say(f"Logs are in {logs}. Press Ctrl-C to stop.")

    def _introduce(self, people: dict[str, dict[str, str]]) -> None:
        self._say("  sign in as    password")
        for each in people.values():
            self._say(f"  {each['username']:<12}  {each['password']}")
        self._say(
            "\nRank a few tasks as annotator; watch, and start a round, as manager.\n"
            f"Passwords and API tokens are kept in {users_file()}."
        )

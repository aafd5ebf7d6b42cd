"""`manage.py link`: a new one-time link to the running program."""

from typing import Any

from django.core.management.base import BaseCommand

from persona_site.entry import entry_link


class Command(BaseCommand):
    help = "Print a new link that opens the program once."

    def handle(self, *args: Any, **options: Any) -> None:
        self.stdout.write(entry_link())

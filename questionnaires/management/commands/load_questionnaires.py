"""`manage.py load_questionnaires`: the question bank into the database, as often as one likes."""

from typing import Any

from django.core.management.base import BaseCommand

from questionnaires.bank import bank_load


class Command(BaseCommand):
    help = "Load or update the question bank. Answers are never touched."

    def handle(self, *args: Any, **options: Any) -> None:
        loaded = bank_load()
        self.stdout.write(
            f"Question bank: {loaded.added} added, {loaded.changed} changed, "
            f"{loaded.retired} retired (answered, so kept), {loaded.deleted} deleted."
        )

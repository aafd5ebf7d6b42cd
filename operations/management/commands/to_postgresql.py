"""`manage.py to_postgresql URL`: everything of the SQLite database goes to PostgreSQL, whole or not at all."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from operations.backup_archive import BackupRefused
from operations.backup_restore import site_at_rest
from operations.moving import database_move


class Command(BaseCommand):
    help = "Copy the SQLite database of DATA_DIR into an empty PostgreSQL database. See docs/backup.md."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("url", help="postgresql://user:password@host:port/name of an empty database")

    def handle(self, *_: Any, url: str, **__: Any) -> None:
        try:
            with site_at_rest(Path(settings.DATA_DIR)):
                tables = database_move(url=url, tell=self.stdout.write)
        except BackupRefused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(
            f"{sum(tables.values())} rows of {len(tables)} tables are there, each hash is the same here and there."
        )
        self.stdout.write(
            "From now on start the program with DATABASE_URL set to that address. The SQLite file was left as it is."
        )

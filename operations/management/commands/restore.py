"""`manage.py restore FILE --into DATA_DIR`: an installation out of a backup."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from operations.backup_archive import BackupRefused
from operations.backup_restore import backup_restore


class Command(BaseCommand):
    help = "Put the installation of a backup into a folder, after all its hashes were checked. See docs/backup.md."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("file", type=Path, help="a file that `manage.py backup` wrote")
        parser.add_argument("--into", type=Path, metavar="FOLDER", help="default: DATA_DIR")
        parser.add_argument("--replace", action="store_true", help="move aside what is there")

    def handle(self, *_: Any, file: Path, into: Path | None, replace: bool, **__: Any) -> None:
        folder = (into or settings.DATA_DIR).absolute()
        try:
            manifest = backup_restore(path=file, into=folder, replace=replace, tell=self.stdout.write)
        except BackupRefused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{folder} is as it was at {manifest['made_at']}. Start it with DATA_DIR={folder}.")
        if not manifest["secrets"]:
            place = folder / "secrets"
            self.stdout.write(f"The backup has no keys: put those of the old installation into {place}.")
            self.stdout.write("Without them the keys of other services have to be entered again.")

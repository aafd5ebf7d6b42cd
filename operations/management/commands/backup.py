"""`manage.py backup --to FOLDER`: database and files as one file, while the site runs."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from operations.backup import backup_make
from operations.backup_archive import BackupRefused
from operations.backup_files import BACKUPS


class Command(BaseCommand):
    help = "Write a backup of the database and all files, while the site runs. See docs/backup.md."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--to", type=Path, metavar="FOLDER", help="default: BACKUP_DIR, or DATA_DIR/backups")
        parser.add_argument("--keep", type=int, default=0, metavar="N", help="keep the newest N; default: all")
        parser.add_argument("--without-secrets", action="store_true", help="leave the installation's keys out")
        parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")

    def handle(self, *_: Any, **options: Any) -> None:
        folder = options["to"] or Path(settings.BACKUP_DIR or settings.DATA_DIR / BACKUPS)
        tell = (lambda _line: None) if options["json"] else self.stdout.write
        with_secrets = not options["without_secrets"]
        try:
            made = backup_make(folder=folder.absolute(), with_secrets=with_secrets, keep=options["keep"], tell=tell)
        except BackupRefused as refused:
            raise CommandError(str(refused)) from None
        size = made.path.stat().st_size
        if options["json"]:
            figures = {"path": str(made.path), "bytes": size, "files": made.files, "rows": made.rows}
            self.stdout.write(json.dumps(figures | {"broken": made.broken, "secrets": with_secrets}))
            return
        for version in made.broken:
            self.stderr.write(
                f"The files of version {version} are missing here, so they are missing in the backup too."
            )
        self.stdout.write(f"{made.path}: {made.rows} rows, {made.files} files, {size / 1e6:.1f} MB.")
        if with_secrets:
            self.stdout.write("The installation's keys are inside: who has this file can open all of it. Keep it so.")

"""`manage.py archive_export FILE --owner NAME`: everything that a person has, as one archive (docs/privacy.md)."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.audit import audit_record
from privacy.archive_writing import archive_write
from privacy.management.base import AccountCommand


class Command(AccountCommand):
    help = "Write everything that a person has to one archive, which archive_import reads."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="file to write, ending in .zip")

    def handle(self, *args: Any, **options: Any) -> None:
        owner, target = self.account(options), options["file"]
        if target.suffix != ".zip":
            raise CommandError("The file's name ends in .zip.")
        try:
            written = archive_write(owner=owner, target=target, beat=lambda *_told: None)
        except OSError as error:
            raise CommandError(f"{target} cannot be written: {error.strerror}.") from None
        audit_record(action="archive-made", actor=owner, where="command")
        self.stdout.write(f"{sum(written.counts.values())} rows, {target.stat().st_size} bytes, in {target}.")

"""`manage.py archive_import FILE --owner NAME`: an archive of archive_export or of the site, all of it or nothing."""

from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from accounts.audit import audit_record
from privacy.archive_bringing import archive_bring, archive_look
from privacy.archive_reading import ArchiveRefused
from privacy.management.base import AccountCommand


class Command(AccountCommand):
    help = "Bring an archive in: all of it, or nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="archive, as it was downloaded")
        parser.add_argument("--dry-run", action="store_true", help="check it and say what it holds; change nothing")

    def handle(self, *args: Any, **options: Any) -> None:
        owner, path = self.account(options), options["file"]
        try:
            if options["dry_run"]:
                look = archive_look(path=path, owner=owner)
                counts, left_out = look.counts, [f"{label}: {count} left out" for label, count in look.left_out.items()]
            else:
                brought = archive_bring(path=path, owner=owner, beat=lambda *_told: None)
                counts, left_out = brought.counts, brought.left_out
                audit_record(action="archive-imported", actor=owner, where="command")
        except (ArchiveRefused, OSError) as refused:
            raise CommandError(f"{path}: {refused} Nothing was changed.") from None
        for label, count in counts.items():
            self.stdout.write(f"{count:8} {label}")
        for sentence in left_out:
            self.stdout.write(sentence)
        self.stdout.write("Nothing was changed." if options["dry_run"] else f"All of it belongs to {owner} now.")

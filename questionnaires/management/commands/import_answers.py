"""`manage.py import_answers FILE --persona P`: answers from a table, JSON, a written list or a chat."""

import dataclasses
import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from questionnaires.dataset.records import ImportFailure
from questionnaires.importing import ImportReport, import_answers
from questionnaires.management.base import PersonaCommand
from questionnaires.models import Persona
from questionnaires.services import Refused, persona_create


class Command(PersonaCommand):
    help = "Import answers: all of them or none. Questions that the bank does not know become own ones."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("file", type=Path, help="JSON, JSONL, CSV, TSV, XLSX, Markdown, a chat; at most 5 MB")
        parser.add_argument("--person", default="", help="who answers in an export of WhatsApp or Telegram")
        parser.add_argument("--dry-run", action="store_true", help="only say what would be imported")
        parser.add_argument("--replace", action="store_true", help="replace answers that differ (history keeps them)")
        parser.add_argument("--create", action="store_true", help="make the persona if there is none of that name")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            data = options["file"].read_bytes()
        except OSError as error:
            raise CommandError(f"{options['file']} cannot be read: {error.strerror}.") from None
        try:
            report = import_answers(
                persona=self.persona_or_new(options),
                data=data,
                filename=options["file"].name,
                dry_run=options["dry_run"],
                replace=options["replace"],
                person=options["person"],
            )
        except (ImportFailure, Refused) as failure:
            raise CommandError(f"{options['file'].name}: {failure}") from None
        self.stdout.write(json.dumps(dataclasses.asdict(report)) if options["json"] else summary(report, **options))

    def persona_or_new(self, options: dict[str, Any]) -> Persona:
        try:
            return self.persona(options)
        except CommandError:
            if not options["create"]:
                raise
            return persona_create(owner=self.owner(), name=options["persona"])


def summary(report: ImportReport, *, dry_run: bool, **_options: Any) -> str:
    """One sentence."""
    verb = "would be imported" if dry_run else "imported"
    return (
        f"{report.rows} records: {report.stored} {verb} ({report.own} with their own question), "
        f"{report.same} stored already, {report.kept} answered otherwise and left alone, {report.empty} empty."
    )

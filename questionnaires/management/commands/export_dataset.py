"""`manage.py export_dataset --persona P --format marker --out F`: the data set as a file."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from questionnaires.data_card import topic_titles
from questionnaires.dataset.book import Context
from questionnaires.dataset.exports import FORMATS
from questionnaires.management.base import PersonaCommand
from questionnaires.services import dataset_build


class Command(PersonaCommand):
    help = "Write the answered questions of a persona as a file: for fine-tuning (marker, chat, ...) or to read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--format", choices=list(FORMATS), default="marker", help="default: marker")
        parser.add_argument("--out", type=Path, help="file to write; default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        persona = self.persona(options)
        items = dataset_build(persona=persona)
        content = b"".join(FORMATS[options["format"]].write(items, Context(persona.name, topic_titles())))
        if options["out"] is None:
            self.stdout.write(content.decode(), ending="")
            return
        try:
            options["out"].write_bytes(content)
        except OSError as error:
            raise CommandError(f"{options['out']} cannot be written: {error.strerror}.") from None
        figures = {"rows": len(items), "bytes": len(content), "format": options["format"], "out": str(options["out"])}
        text = f"{len(items)} rows, {len(content)} bytes, in {options['out']}."
        self.stdout.write(json.dumps(figures) if options["json"] else text)

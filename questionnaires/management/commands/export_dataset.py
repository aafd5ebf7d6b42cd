"""`manage.py export_dataset --persona P --format marker|chat --out F`: the data set as JSONL."""

import json
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from questionnaires.dataset import RENDERERS, encode, renderer
from questionnaires.management.base import PersonaCommand
from questionnaires.services import dataset_build


class Command(PersonaCommand):
    help = "Write the answered questions of a persona as JSONL for fine-tuning."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--format", choices=sorted(RENDERERS), default="marker", help="default: marker")
        parser.add_argument("--out", type=Path, help="file to write; default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        persona = self.persona(options)
        items = dataset_build(persona=persona)
        chosen = renderer(options["format"])
        content = b"".join(encode(chosen.row(item, name=persona.name) for item in items))
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

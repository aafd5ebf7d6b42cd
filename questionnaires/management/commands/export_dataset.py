"""`manage.py export_dataset --persona P --format marker --out F`: the data set as a file."""

import json
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from django.core.management.base import CommandError

from questionnaires.dataset import Item
from questionnaires.dataset.exports import FORMATS
from questionnaires.exporting import PARTS, export_context, export_items
from questionnaires.management.base import PersonaCommand


class Command(PersonaCommand):
    help = "Write the answered questions of a persona as a file: for fine-tuning (marker, chat, ...) or to read."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--format", choices=list(FORMATS), default="marker", help="default: marker")
        parser.add_argument("--part", choices=PARTS, default="all", help="as a training here would split; default: all")
        parser.add_argument("--out", type=Path, help="file to write; default: standard output")

    def handle(self, *args: Any, **options: Any) -> None:
        persona, rows = self.persona(options), Counter[str]()
        chosen = FORMATS[options["format"]]
        items = _counted(export_items(persona=persona, part=options["part"]), rows)
        pieces = chosen.write(items, export_context(persona=persona))
        if options["out"] is None:
            if chosen.is_binary:
                raise CommandError(f"A .{chosen.extension} is no text: name a file with --out.")
            for piece in pieces:
                self.stdout.write(piece.decode(), ending="")
            return
        size = _written(pieces, options["out"])
        figures = {"rows": rows["rows"], "bytes": size, "format": options["format"], "out": str(options["out"])}
        text = f"{rows['rows']} rows, {size} bytes, in {options['out']}."
        self.stdout.write(json.dumps(figures) if options["json"] else text)


def _counted(items: Iterator[Item], rows: Counter[str]) -> Iterator[Item]:
    for item in items:
        rows["rows"] += 1
        yield item


def _written(pieces: Iterator[bytes], target: Path) -> int:
    """Bytes that are in the file now; CommandError where it cannot be written."""
    try:
        with target.open("wb") as file:
            file.writelines(pieces)
    except OSError as error:
        raise CommandError(f"{target} cannot be written: {error.strerror}.") from None
    return target.stat().st_size

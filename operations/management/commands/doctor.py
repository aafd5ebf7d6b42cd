"""`manage.py doctor`: what is wrong with this installation, and how to mend it."""

import json
import sys
from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand

from operations.doctor import doctor_look, is_well
from operations.findings import LOOK, WELL, WRONG, Finding

MARKS = {WELL: "well ", LOOK: "look ", WRONG: "WRONG"}


class Command(BaseCommand):
    help = "Look over this installation: what is wrong, and how to mend it. See docs/operations.md."
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--mend", action="store_true", help="mend at once what can be mended without a risk")
        parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")

    def handle(self, *_: Any, **options: Any) -> None:
        findings: list[Finding] = []
        mended: list[str] = []
        for finding in doctor_look():
            done = finding.action() if options["mend"] and finding.action else ""
            mended += [f"{finding.name}: {done}"] if done else []
            findings += [] if done else [finding]
            if not options["json"]:
                self.tell(finding, done)
        if options["json"]:
            body = {"well": is_well(findings), "findings": [each.as_json() for each in findings], "mended": mended}
            self.stdout.write(json.dumps(body))
        if not is_well(findings):
            sys.exit(1)

    def tell(self, finding: Finding, done: str) -> None:
        self.stdout.write(f"{MARKS[finding.level]}  {finding.name}: {finding.sentence}")
        if done:
            self.stdout.write(f"       Mended: {done}")
        elif finding.mend:
            self.stdout.write(f"       {finding.mend}")

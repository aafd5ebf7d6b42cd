"""`manage.py fidelity_run --persona P`: a report on a version, in this process, without the web."""

import json
import time
from argparse import ArgumentParser
from pathlib import Path
from typing import Any

from django.core.management import call_command
from django.core.management.base import CommandError, CommandParser

from fidelity.execution import plan_keep, report_execute
from fidelity.items_file import items_read
from fidelity.leases import report_claim
from fidelity.measures.items import ItemsError
from fidelity.models import Report
from fidelity.planning import Asked, plan_of
from fidelity.report_schema import Result
from fidelity.services import report_cancel, report_create
from fidelity.sweeping import report_sweep
from questionnaires.demo import demo_create
from questionnaires.management.base import PersonaCommand
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.engine_process import EngineDidNotStart, engine_running
from training.models import PersonaModel
from training.versions import version_named

LOOK_SECONDS = 10.0  # between two lines of progress
WHOLE_SECONDS = 86_400.0  # nobody else waits for this process
PATIENCE_SECONDS = 1.0


class Command(PersonaCommand):
    help = "Measures how like its person a version is, beside its controls."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)  # for --version

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--version", help="number or id of the version (default: the current one)")
        parser.add_argument("--items", type=Path, help="a file of items, in place of what the person answered")
        parser.add_argument("--train-demo", action="store_true", help="train the demo persona first, if it never was")
        parser.add_argument("--form", choices=Report.Form.values, default=Report.Form.FULL.value, help="default: full")

    def handle(self, *args: Any, **options: Any) -> None:
        persona = self.persona(options)
        try:
            items = items_read(options["items"]) if options["items"] else []
            version = version_of(persona, options["version"])
            if options["train_demo"]:
                self.train_demo(persona)
            report, made = report_create(persona=persona, version=version, form=options["form"])
        except (ItemsError, Refused) as refused:
            raise CommandError(str(refused)) from refused
        if not made and items:
            raise CommandError("A report on this version is being made. Wait for its end, or cancel it.")
        self.measure(report, items, is_quiet=options["json"])
        self.show(report, options["json"])

    def train_demo(self, persona: Persona) -> None:
        """The control “another person” needs a version of the demo persona."""
        demo = demo_create(owner=self.owner())
        if demo != persona and not PersonaModel.objects.filter(persona=demo, is_current=True).exists():
            call_command("train", persona=demo.name, here=True, stdout=self.stderr)

    def measure(self, report: Report, items: list[Asked], is_quiet: bool) -> None:
        """Ctrl-C cancels it."""
        try:
            with engine_running():
                keep_items(report, items)
                self.follow(report, is_quiet)
        except EngineDidNotStart as error:
            report_cancel(report=report)
            raise CommandError(str(error)) from error
        except KeyboardInterrupt:
            Report.objects.filter(pk=report.pk).update(lease_until=None)
            report_cancel(report=report)
            raise CommandError("The report was cancelled.", returncode=130) from None

    def follow(self, report: Report, is_quiet: bool) -> None:
        """Works on it; where a worker has it, or works on another one, waits."""
        looked = time.monotonic()

        def look() -> bool:
            nonlocal looked
            if not is_quiet and time.monotonic() - looked > LOOK_SECONDS:
                looked = time.monotonic()
                report.refresh_from_db()
                self.stdout.write(progress_line(report))
                self.stdout.flush()
            return False

        while report.is_active:
            wait = report_execute(report_id=report.pk, slice_seconds=WHOLE_SECONDS, should_stop=look)
            report.refresh_from_db()
            if report.is_active:
                report_sweep()
                time.sleep(PATIENCE_SECONDS if wait is None else min(wait, LOOK_SECONDS))

    def show(self, report: Report, as_json: bool) -> None:
        if report.state != Report.State.DONE:
            raise CommandError(report.error or f"The report is {report.get_state_display()}.")
        if as_json:
            who = {"report": str(report.pk), "persona": report.persona.name, "version": report.version.number}
            self.stdout.write(json.dumps({**who, "result": report.result}, ensure_ascii=False, indent=1))
        else:
            self.stdout.write("\n".join(printed(report.result)))


def keep_items(report: Report, items: list[Asked]) -> None:
    """The items of a file take the place of the person's own."""
    if items and (claim := report_claim(report_id=report.pk)):
        plan_keep(claim, plan_of(items, persona=report.persona, version=report.version))
        claim.write(lease_until=None)


def version_of(persona: Persona, name: str | None) -> PersonaModel:
    """The one that is named, else the current one. CommandError if there is none."""
    if name:
        try:
            return version_named(persona=persona, name=name)
        except Refused as refused:
            raise CommandError(str(refused)) from refused
    found: PersonaModel | None = PersonaModel.objects.filter(persona=persona, is_current=True).first()
    if found is None:
        raise CommandError(f"{persona.name} has no version yet; train one first.")
    return found


def progress_line(report: Report) -> str:
    progress = report.progress
    left = progress.get("seconds_left")
    more = f", about {round(left)} s left" if left else ""
    return f"{report.percent} %: {progress.get('what') or 'preparing'}{more}"


def printed(result: Result) -> list[str]:
    """The report as a table of text."""
    lines = [f"{result['asked']} items, {len(result['left_out'])} left out, {result['seconds']:.0f} s"]
    for control in result["controls"]:
        figure, against = control["agreement"], control["against"]
        if figure is None:
            lines.append(f"  {control['name']:<14} {control['why'] or 'not asked'}")
            continue
        line = f"  {control['name']:<14} {figure['value']:.3f}  {figure['low']:.3f} to {figure['high']:.3f}"
        if against:
            line += f"  p {against['p_value']:.3f}"
            line += f"  {against['more_items']} more items would tell" if against["more_items"] else ""
        lines.append(line)
    for name, facts in result["facts"].items():
        counts = "  ".join(f"{key} {facts[key]}" for key in ("right", "wrong", "unknown", "unclear"))
        lines.append(f"  facts, {name}: {counts}")
    for name, facts in result["taught"].items():
        lines.append(f"  corrected replies, {name}: {facts['right']} of {facts['items']} right")
    for name, found in result["style"].items():
        lines.append(f"  style, {name}: " + "  ".join(f"{key} {value}" for key, value in found.items()))
    for name, form in result["form_of_replies"].items():
        lines.append(f"  form, {name}: {form['clean']} of {form['replies']} replies clean")
    return lines

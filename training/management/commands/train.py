"""`manage.py train --persona P`: trains a version, through the worker or in this process."""

import json
import signal
import time
from argparse import ArgumentParser
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from django.core.management.base import CommandError
from django.utils import timezone

from questionnaires.management.base import PersonaCommand
from questionnaires.models import Persona
from questionnaires.services import Refused, dataset_build
from training import tasks
from training.choices import choice_read
from training.connections import connection_find, consent_to, host_of
from training.estimates import Plan, duration_range, plan_of_files
from training.execution import run_execute
from training.models import PersonaModel, TrainingRun
from training.row_files import RowFiles
from training.services import RECIPES, run_cancel, run_create
from training.start_page import faults_of, files_of
from training.sweeping import run_sweep

LOOK_SECONDS = 0.5
PATIENCE_SECONDS = 60.0  # for a worker to take a queued run
State = TrainingRun.State


class Command(PersonaCommand):
    help = "Train a version of a persona from its answers."

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("--recipe", choices=RECIPES, default="quick", help="default: quick")
        parser.add_argument("--format", choices=["chat", "marker"], help="format of the training text; default: chat")
        parser.add_argument("--model", default="", help="base model: a name of the catalogue, a folder, a hub name")
        parser.add_argument("--connection", default="", help="name or id of a connection: trains there, not here")
        parser.add_argument("--agree", default="", metavar="HOST", help="with --connection: HOST may get the answers")
        parser.add_argument("--epochs", default="", help="passes over the rows; default: the recipe's")
        parser.add_argument("--wait", action="store_true", help="show progress and return when it has ended")
        parser.add_argument("--here", action="store_true", help="train in this process: no broker, no worker")

    def handle(self, *args: Any, **options: Any) -> None:
        self.quiet = bool(options["json"])
        persona = self.persona(options)
        try:
            run, made = self.create(persona, options)
        except Refused as refused:
            raise CommandError(str(refused)) from None
        if not made:
            self.say(f"A training of {persona.name} is under way already: {run.pk}.")
        if options["here"]:
            self.train_here(run)
        else:
            self.train_there(run, wait=options["wait"])

    def create(self, persona: Persona, options: dict[str, Any]) -> tuple[TrainingRun, bool]:
        """The run as the options ask for it. At a provider only with a yes that names who gets the answers."""
        named = options["connection"]
        connection = connection_find(owner=self.owner(), text=named) if named else None
        data = {name: options[name] or "" for name in ("model", "recipe", "format", "epochs")}
        reading = choice_read(data, connection)
        if sentence := faults_of(reading):
            raise Refused(sentence)
        choice = reading.choice
        files = files_of(persona, choice, dataset_build(persona=persona))
        plan = plan_of_files(files, choice)
        if connection and options["agree"] != host_of(connection):
            raise Refused(question(host_of(connection), plan, files))
        return run_create(
            persona=persona,
            recipe=choice.recipe,
            format=choice.format,
            connection=connection,
            base_model=choice.base_model,
            overrides=choice.hyperparameters,
            estimate=plan.as_json(),
            consent=consent_to(connection, files.sha256) if connection else {},
        )

    def say(self, line: str) -> None:
        if not self.quiet:
            self.stdout.write(line)
            self.stdout.flush()

    def train_there(self, run: TrainingRun, wait: bool) -> None:
        """Rings the worker; with `wait` follows the run to its end."""
        rang = tasks.enqueue(run.pk)
        if not wait:
            self.say(
                f"Queued: {run.pk}." if rang else f"Queued: {run.pk}. The broker is away; it begins when it is back."
            )
            if self.quiet:
                self.stdout.write(json.dumps({"run": str(run.pk), "state": run.state, "rang": rang}))
            return
        try:
            self.follow(run)
        except KeyboardInterrupt:
            raise CommandError(f"The training goes on without you: {run.pk}.", returncode=130) from None
        self.report(run)

    def follow(self, run: TrainingRun) -> None:
        began, shown = time.monotonic(), ""
        while run.is_active:
            line = progress_line(run)
            if line != shown:
                self.say(line)
            shown = line
            if run.state == State.QUEUED and not run.fence and time.monotonic() - began > PATIENCE_SECONDS:
                raise CommandError("No worker takes the training. Start one with `manage.py up`, or add --here.")
            time.sleep(LOOK_SECONDS)
            run.refresh_from_db()

    def train_here(self, run: TrainingRun) -> None:
        """Works on the run in this process; Ctrl-C cancels it and keeps its last checkpoint."""
        shown = ""

        def look() -> bool:
            nonlocal shown
            line = progress_line(TrainingRun.objects.get(pk=run.pk))
            if line != shown:
                self.say(line)
            shown = line
            return asked()

        with stop_flag() as asked:
            while run.is_active and not asked():
                run_sweep()
                run_execute(run_id=run.pk, should_pause=look)
                run.refresh_from_db()
                if run.is_active and not asked():
                    time.sleep(max(LOOK_SECONDS, seconds_until(run)))
            if asked() and run.is_active:
                run_cancel(run=run)
        self.report(run)

    def report(self, run: TrainingRun) -> None:
        """The final figures; CommandError with the run's sentence where there are none."""
        if run.state != State.READY:
            raise CommandError(run.error or f"The training was {run.get_state_display()}.")
        version = PersonaModel.objects.get(run=run)
        seconds = run.seconds
        figures = {"run": str(run.pk), "version": str(version.pk), "name": version.name, "number": version.number}
        figures |= {"answers": run.items, "seconds": seconds, "state": run.state, "figures": version.figures}
        if self.quiet:
            self.stdout.write(json.dumps(figures))
            return
        self.say(f"Ready: {version.name} (version {version.number}), {run.items} answers, {seconds} s.")
        for name, value in version.figures.items():
            if isinstance(value, int | float | str):
                self.say(f"  {name}: {value}")


def question(host: str, plan: Plan, files: RowFiles) -> str:
    """What has to be agreed to before anything leaves this computer."""
    money = plan.money_in_words or "a price that is not known here"
    size = sum(map(len, files.by_name.values()))
    return (
        f"{host} would get {plan.sent} rows ({size} bytes, SHA-256 {files.sha256}) for {money}. "
        f"If you agree, add --agree {host}"
    )


@contextmanager
def stop_flag() -> Iterator[Callable[[], bool]]:
    """Whether Ctrl-C or SIGTERM came; in between neither breaks off what runs."""
    came: list[int] = []
    earlier = {
        number: signal.signal(number, lambda n, _frame: came.append(n)) for number in (signal.SIGINT, signal.SIGTERM)
    }
    try:
        yield lambda: bool(came)
    finally:
        for number, handler in earlier.items():
            signal.signal(number, handler)


def seconds_until(run: TrainingRun) -> float:
    """Until the run may be tried again, or its lease ends."""
    due = [moment for moment in (run.not_before, run.lease_until) if moment]
    return max(0.0, (max(due) - timezone.now()).total_seconds()) if due else 0.0


def progress_line(run: TrainingRun) -> str:
    if run.state != State.TRAINING or not run.total_steps:
        return str(run.get_state_display())
    left = f", {duration_range(run.seconds_left)} left" if run.seconds_left else ""
    return f"{run.get_state_display()}: {run.percent} %, step {run.step} of {run.total_steps}{left}"

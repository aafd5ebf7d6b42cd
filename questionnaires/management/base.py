"""What the commands that work on one persona share."""

from argparse import ArgumentParser
from typing import Any

from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError
from django.db import OperationalError, ProgrammingError

from questionnaires.models import Persona
from questionnaires.services import Refused, persona_find


class PersonaCommand(BaseCommand):
    """A command with `--persona` (name or id) and `--json`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--persona", required=True, help="name or id of the persona")
        parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")

    def persona(self, options: dict[str, Any]) -> Persona:
        """The persona that `--persona` names, of the owner of this installation."""
        try:
            return persona_find(owner=self.owner(), text=options["persona"])
        except Refused as refused:
            raise CommandError(str(refused)) from None

    def owner(self) -> User:
        """Whose installation this is; CommandError where nothing has been installed in DATA_DIR."""
        try:
            owner = User.objects.order_by("pk").first()
        except (OperationalError, ProgrammingError):  # no tables yet
            owner = None
        if owner is None:
            raise CommandError(f"Nobody lives in {settings.DATA_DIR} yet. Run `make run` once.")
        return owner

"""What the commands that work on one persona share."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth import get_user_model
from django.core.management.base import BaseCommand, CommandError

from questionnaires.models import Persona
from questionnaires.services import Refused, persona_find


class PersonaCommand(BaseCommand):
    """A command with `--persona` (name or id) and `--json`."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--persona", required=True, help="name or id of the persona")
        parser.add_argument("--json", action="store_true", help="print one JSON object, for scripts")

    def persona(self, options: dict[str, Any]) -> Persona:
        """The persona that `--persona` names, of the owner of this installation."""
        owner = get_user_model().objects.order_by("pk").first()
        if owner is None:
            raise CommandError("Nobody lives here yet. Run `make run` once.")
        try:
            return persona_find(owner=owner, text=options["persona"])
        except Refused as refused:
            raise CommandError(str(refused)) from None

"""What the commands about one account share."""

from argparse import ArgumentParser
from typing import Any

from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError


class AccountCommand(BaseCommand):
    """A command with `--owner`, the name of an account."""

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--owner", default="owner", help="name of the account; default: owner, of a laptop")

    def account(self, options: dict[str, Any]) -> User:
        found = User.objects.filter(username=options["owner"]).first()
        if found is None:
            raise CommandError(f"There is no account “{options['owner']}”.")
        return found

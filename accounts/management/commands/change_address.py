"""Another e-mail address for an account, for places without a mail server."""

from typing import Any

from django.core.management.base import BaseCommand, CommandError, CommandParser

from accounts.claiming import address_change
from accounts.refusing import Refused


class Command(BaseCommand):
    help = "Gives the account with one e-mail address another one."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("old", help="the address that they log in with now")
        parser.add_argument("new", help="the one from now on")

    def handle(self, *args: Any, **options: Any) -> None:
        try:
            address = address_change(old=options["old"], new=options["new"])
        except Refused as refused:
            raise CommandError(str(refused)) from None
        self.stdout.write(f"{address.email} logs in from now on; the password stays.")

"""A link that sets a new password, for places without a mail server."""

from typing import Any

from allauth.account.forms import default_token_generator
from allauth.account.utils import user_pk_to_url_str
from django.conf import settings
from django.contrib.auth.models import User
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.urls import reverse

from accounts.audit import audit_record


class Command(BaseCommand):
    help = "Prints a link with which somebody sets a new password. It works once, within three days."

    def add_arguments(self, parser: CommandParser) -> None:
        parser.add_argument("email", help="the address that they log in with")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(emailaddress__email__iexact=options["email"].strip(), is_active=True).first()
        if user is None:
            raise CommandError(f"No open account has the address {options['email']}. The page “People” lists them.")
        key = {"uidb36": user_pk_to_url_str(user), "key": default_token_generator.make_token(user)}
        audit_record(action="password-link-made", subject=user, where="command")
        self.stdout.write(settings.SITE_URL + reverse("account_reset_password_from_key", kwargs=key))

"""What allauth asks the site: who may sign up, and how letters go out."""

import logging
from smtplib import SMTPException
from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core.internal.httpkit import get_client_ip
from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest
from django.utils.translation import gettext as _

from accounts.invitations import Invitation, invitation_get

INVITATION = "invitation"  # key of the session: the id of the invitation that was opened

log = logging.getLogger(__name__)


def invitation_of(request: HttpRequest) -> Invitation | None:
    """The open invitation that this visitor came with."""
    return invitation_get(pk=request.session.get(INVITATION, ""))


class Adapter(DefaultAccountAdapter):
    """allauth's adapter with the site's answers."""

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        if settings.SIGN_UP == "open":
            return True
        return settings.SIGN_UP == "invitation" and invitation_of(request) is not None

    def get_client_ip(self, request: HttpRequest) -> str:
        """The visitor's network address; all who come through a socket without one are counted as one."""
        return get_client_ip(request) or "0.0.0.0"  # noqa: S104 (nobody listens there)

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """A mail server that is away must not break the page; whoever waits for the letter is told."""
        try:
            super().send_mail(template_prefix, email, context)
        except (SMTPException, OSError) as error:
            log.error("a letter could not be handed to the mail server: %s", type(error).__name__)
            messages.warning(self.request, _("The mail server does not answer. Please try again in some minutes."))

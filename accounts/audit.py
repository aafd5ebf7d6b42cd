"""The audit trail: who did what with a person's data, when and from where. Never a text, a key or an address."""

import logging
import uuid
from typing import Any

from django.conf import settings
from django.contrib.auth.signals import user_logged_in, user_logged_out, user_login_failed
from django.db import models
from django.db.models import Q, QuerySet
from django.dispatch import receiver
from django.utils.translation import gettext_lazy as _

logger = logging.getLogger(__name__)


class AuditEvent(models.Model):
    """One act. Written once, never changed; it goes when the account goes that it is about."""

    class Where(models.TextChoices):
        WEB = "web", _("in the browser")
        API = "api", _("by a program")
        TELEGRAM = "telegram", _("in Telegram")
        COMMAND = "command", _("by a command on the server")

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # None: nobody was logged in, or the account is gone.
    actor = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.SET_NULL, related_name="+")
    subject = models.ForeignKey(settings.AUTH_USER_MODEL, null=True, on_delete=models.CASCADE, related_name="+")
    action = models.SlugField(max_length=40)
    target = models.CharField(max_length=120, blank=True)  # "kind:id" of the row that it was done to
    where = models.CharField(max_length=8, choices=Where, default=Where.WEB)
    at = models.DateTimeField(auto_now_add=True)

    class Meta:
        app_label = "accounts"
        ordering = ["-at"]
        indexes = [models.Index(fields=["subject", "-at"], name="audit_of_a_person")]

    def __str__(self) -> str:
        return f"{self.at:%F %T} {self.action} {self.target}"


def audit_record(*, action: str, actor: Any = None, subject: Any = None, target: str = "", where: str = "web") -> None:
    """Notes an act in the caller's transaction: an act that is rolled back was none.

    `action` is a slug of what was done ("connection-key-changed"), `target` a row as "kind:id". Without `subject` the
    act is about the actor. Somebody who is not logged in is nobody.
    """
    actor, subject = _account(actor), _account(subject)
    AuditEvent.objects.create(
        actor=actor, subject=subject or actor, action=action[:40], target=target[:120], where=where
    )


def _account(user: Any) -> Any:
    return user if user is not None and getattr(user, "pk", None) is not None else None


def events_about(*, subject: Any) -> QuerySet[AuditEvent]:
    """What was done with a person's account and data, by whomever, newest first."""
    return AuditEvent.objects.filter(subject=subject).select_related("actor")


def events_by_others() -> QuerySet[AuditEvent]:
    """What somebody else than the person themselves did to a person's account, for whoever runs the site."""
    return AuditEvent.objects.exclude(Q(actor=models.F("subject")) & Q(subject__isnull=False)).select_related(
        "actor", "subject"
    )


@receiver(user_logged_in)
def logged_in(user: Any, **_values: Any) -> None:
    audit_record(action="logged-in", actor=user)


@receiver(user_logged_out)
def logged_out(user: Any, **_values: Any) -> None:
    if user is not None:
        audit_record(action="logged-out", actor=user)


@receiver(user_login_failed)
def login_failed(**_values: Any) -> None:
    """In the log, as it is about nobody known; whose address was tried is not said."""
    logger.warning("A log-in failed.")

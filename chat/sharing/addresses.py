"""By which e-mail addresses a user can be named: those that were confirmed, since anybody can type one in."""

from django.apps import apps
from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser


def can_name_people() -> bool:
    """Whether this installation has accounts besides the one person's own."""
    return getattr(settings, "SIGN_UP", "off") != "off"


def emails_of(user: AbstractBaseUser | AnonymousUser) -> list[str]:
    """Lower case."""
    if not user.is_authenticated or not apps.is_installed("allauth.account"):
        return []
    rows = apps.get_model("account", "EmailAddress").objects.filter(user=user.pk, verified=True)
    return [email.lower() for email in rows.values_list("email", flat=True)]

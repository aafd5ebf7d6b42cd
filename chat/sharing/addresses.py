"""By which e-mail addresses a user can be named: not by one that they only typed in, since anybody can."""

from allauth.account.models import EmailAddress
from django.contrib.auth.models import AbstractBaseUser, AnonymousUser

from accounts.invitations import Invitation
from accounts.quotas import is_shared


def can_name_people() -> bool:
    """Whether this installation has accounts besides the one person's own."""
    return is_shared()


def emails_of(user: AbstractBaseUser | AnonymousUser) -> list[str]:
    """Lower case: those that were confirmed by a letter, or named in the invitation that made the account."""
    if not user.is_authenticated:
        return []
    invited = {email.lower() for email in Invitation.objects.filter(used_by=user.pk).values_list("email", flat=True)}
    rows = EmailAddress.objects.filter(user=user.pk).values_list("email", "verified")
    return [email.lower() for email, is_verified in rows if is_verified or email.lower() in invited]

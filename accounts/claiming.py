"""The owner's account gets an address and a password. The user row stays the same, so every row stays theirs."""

from allauth.account.models import EmailAddress
from django.contrib.auth.models import User
from django.contrib.auth.password_validation import validate_password
from django.core.exceptions import ValidationError
from django.db import transaction
from django.utils.translation import gettext as _

from accounts.addresses import address_free
from accounts.audit import audit_record
from accounts.refusing import Refused


def is_claimed(*, user: User) -> bool:
    """Whether the account has an address to log in with."""
    return bool(EmailAddress.objects.filter(user=user).exists())


def somebody_can_log_in() -> bool:
    """Whether any account has been claimed or made, so that a log-in page is of use."""
    return bool(EmailAddress.objects.exists())


@transaction.atomic
def account_claim(*, user: User, email: str, password: str) -> User:
    """Gives `user`, who came in by the link from the terminal, an address and a password.

    The address counts as verified: whoever holds the terminal holds everything. Refused with a sentence otherwise.
    """
    user = User.objects.select_for_update().get(pk=user.pk)
    if is_claimed(user=user):
        raise Refused(_("This account has an e-mail address and a password already."), status=409)
    user.email = address_free(email)
    try:
        validate_password(password, user)
    except ValidationError as error:
        raise Refused(" ".join(error.messages)) from None
    user.set_password(password)
    user.save(update_fields=["email", "password"])
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    audit_record(action="account-claimed", actor=user)
    return user


@transaction.atomic
def address_change(*, old: str, new: str) -> EmailAddress:
    """The account that logs in with `old` logs in with `new` from now on. Whoever calls it vouches for the address."""
    address = EmailAddress.objects.select_for_update().filter(email__iexact=old.strip()).first()
    if address is None:
        raise Refused(_("No account has the address %s.") % old, status=404)
    address.email = address_free(new)
    address.save(update_fields=["email"])
    User.objects.filter(pk=address.user_id).update(email=address.email)
    audit_record(action="address-changed", subject=address.user, where="command")
    return address

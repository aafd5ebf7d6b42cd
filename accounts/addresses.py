"""E-mail addresses, of which each opens one account."""

from django.contrib.auth.models import User
from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Q
from django.utils.translation import gettext as _

from accounts.refusing import Refused


def address_free(email: str) -> str:
    """The address in lower case. Refused if it is none, or if somebody's account has it."""
    email = email.strip().lower()
    try:
        validate_email(email)
    except ValidationError:
        raise Refused(_("This is not an e-mail address: %s") % email) from None
    if User.objects.filter(Q(email__iexact=email) | Q(emailaddress__email__iexact=email)).exists():
        raise Refused(_("%s has an account already.") % email, status=409)
    return email

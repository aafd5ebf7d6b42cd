"""The two ways in, as Django and allauth have them; whose session it is, is read by a statement that is made once."""

from allauth.account.auth_backends import AuthenticationBackend
from django.contrib.auth.backends import ModelBackend
from django.contrib.auth.models import User

from accounts.prepared import PreparedRow

_user = PreparedRow(lambda pk: User.objects.filter(pk=pk).order_by(), pk=(User._meta.get_field("id"), int))


class LinkBackend(ModelBackend):
    """The one-time link; it knows no e-mail addresses."""

    def get_user(self, user_id: int) -> User | None:
        """None also for somebody whose account is closed."""
        user = _user.get(pk=user_id)
        return user if user and self.user_can_authenticate(user) else None


class AccountBackend(AuthenticationBackend):
    """E-mail address and password, passkeys."""

    get_user = LinkBackend.get_user

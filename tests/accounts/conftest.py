"""People with passwords."""

import pytest
from allauth.account.models import EmailAddress
from django.core.cache import cache

PASSWORD = "seven wet umbrellas"


@pytest.fixture
def quick(settings):
    """Hashing that takes no time, and nobody's earlier attempts."""
    settings.PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()


@pytest.fixture
def member(db, quick, django_user_model):
    """Somebody with an address and a password."""
    user = django_user_model.objects.create_user("mira", email="mira@example.org", password=PASSWORD)
    EmailAddress.objects.create(user=user, email=user.email, primary=True, verified=True)
    return user


@pytest.fixture
def invitation_mode(quick, settings):
    settings.SIGN_UP, settings.LOGIN_URL = "invitation", "account_login"


@pytest.fixture
def open_mode(quick, settings):
    settings.SIGN_UP, settings.LOGIN_URL = "open", "account_login"

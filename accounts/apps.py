"""The room as Django knows it."""

from django.apps import AppConfig


class AccountsConfig(AppConfig):
    name = "accounts"

    def ready(self) -> None:
        """What allauth does to an account is written into the audit trail."""
        from accounts import acts  # noqa: F401

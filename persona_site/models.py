"""Entry tokens of the installation."""

from django.conf import settings
from django.db import models


class EntryToken(models.Model):
    """A link that has not been used yet. Holds the SHA-256 of the token, never the token."""

    digest = models.CharField(max_length=64, primary_key=True)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE)
    expires_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"entry until {self.expires_at:%F %T}"

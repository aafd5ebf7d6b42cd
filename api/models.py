"""Keys that a person's programs come with."""

from django.db import models

from questionnaires.owned import Owned


class ApiToken(Owned):
    """A key for a program. The SHA-256 of it is kept, never the key itself, which is shown once."""

    name = models.CharField(max_length=80)
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the whole key, in hex
    prefix = models.CharField(max_length=24)  # how the key begins: enough to tell two apart, too little to guess one
    scopes = models.JSONField(default=list)  # of api.tokens.SCOPES
    last_used_at = models.DateTimeField(null=True)  # to the minute
    expires_at = models.DateTimeField(null=True)
    revoked_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.name} ({self.prefix}…)"

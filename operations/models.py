"""Signs of life of the installation's programs."""

from django.db import models


class Pulse(models.Model):
    """When something last showed that it works: "canary" (beat, broker, a worker and the database, all in a row)."""

    name = models.CharField(max_length=60, primary_key=True)
    at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.name} {self.at:%F %T}"

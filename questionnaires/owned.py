"""Rows that belong to somebody. A query for a person begins with `for_owner`; a stranger's row is not found (404)."""

import uuid
from typing import Any, Self

from django.conf import settings
from django.contrib.auth.models import AbstractBaseUser
from django.db import models


class OwnedQuerySet(models.QuerySet[Any]):
    """Rows of one owner."""

    def for_owner(self, owner: AbstractBaseUser | Any) -> Self:
        return self.filter(owner=owner)


class Owned(models.Model):
    """A row with an owner and a UUID that can stand in an address."""

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    owner = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    created_at = models.DateTimeField(auto_now_add=True)

    objects = OwnedQuerySet.as_manager()

    class Meta:
        abstract = True

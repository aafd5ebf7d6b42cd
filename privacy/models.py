"""Work on everything that a person has here: archives made and brought in, erasures with receipts, and how long things
are kept."""

import uuid
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import models
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from questionnaires.leases import Job
from questionnaires.owned import Owned


class ArchiveJob(Job, Owned):
    """An archive of everything that its owner has, on its way out or in. The file is DATA_DIR/archives/<id>.zip."""

    class Kind(models.TextChoices):
        EXPORT = "export", _("archive")
        IMPORT = "import", _("import")

    kind = models.CharField(max_length=8, choices=Kind, default=Kind.EXPORT)
    size = models.BigIntegerField(default=0)  # bytes of the file
    sha256 = models.CharField(max_length=64, blank=True)  # of the file
    counts = models.JSONField(default=dict)  # {"app.Model": rows}
    left_out = models.JSONField(default=list)  # sentences about what an import did not bring in
    expires_at = models.DateTimeField(null=True)  # of the file

    class Meta:
        ordering = ["-created_at"]
        constraints = [
            models.UniqueConstraint(
                fields=["owner"], condition=models.Q(state__in=["queued", "running"]), name="one_active_archive_job"
            )
        ]

    def __str__(self) -> str:
        return f"{self.kind} {self.created_at:%F %T}: {self.state}"

    @property
    def file(self) -> Path:
        return Path(settings.DATA_DIR) / "archives" / f"{self.pk}.zip"


class Erasure(Job):
    """Everything of an account, or of one persona, on its way to nothing. It outlives them: with the receipt, which
    holds counts and no texts, and which a link opens whose token's hash is kept.
    """

    class Scope(models.TextChoices):
        ACCOUNT = "account", _("everything")
        PERSONA = "persona", _("one portrait")

    gives_up = False  # half deleted is the worst of all

    id = models.UUIDField(primary_key=True, default=uuid.uuid4, editable=False)
    # No foreign key: it must not go with the account, and nothing has to be left of that.
    account = models.BigIntegerField()
    scope = models.CharField(max_length=8, choices=Scope)
    persona = models.UUIDField(null=True)
    stays_open = models.BooleanField(default=False)  # the account is left empty instead of going, too
    digest = models.CharField(max_length=64, unique=True)  # SHA-256 of the token that opens the receipt
    created_at = models.DateTimeField(default=timezone.now)
    tries_elsewhere = models.PositiveSmallIntegerField(default=0)  # rounds of deleting at providers
    kept = models.JSONField(default=dict)  # what the steps remember: {"looks": int, "gone": [ids at providers]}
    receipt = models.JSONField(default=dict)  # privacy.receipts.Receipt
    expires_at = models.DateTimeField(null=True)  # of the receipt

    class Meta:
        ordering = ["-created_at"]

    def __str__(self) -> str:
        return f"{self.scope} {self.created_at:%F %T}: {self.state}"


class Retention(Owned):
    """How many days things of a person are kept; none: as long as the person wants."""

    conversations = models.PositiveIntegerField(null=True, blank=True)  # after the last message
    revisions = models.PositiveIntegerField(null=True, blank=True)  # earlier texts of answers
    frozen_rows = models.PositiveIntegerField(null=True, blank=True)  # what ended trainings learned from

    class Meta:
        constraints = [models.UniqueConstraint(fields=["owner"], name="one_retention_a_person")]

    def __str__(self) -> str:
        return f"{self.owner_id}: {self.as_days()}"

    def as_days(self) -> dict[str, Any]:
        return {name: getattr(self, name) for name in ("conversations", "revisions", "frozen_rows")}

"""Who works on a row of work. A claim has a lease, which is renewed, and a fence, which every later write carries."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db import models
from django.utils.translation import gettext_lazy as _

Row = TypeVar("Row", bound=models.Model)


class Leased(models.Model):
    """Work that a worker takes on. The row is the truth about it; Celery is only the doorbell.

    A model that inherits it names its states, those in which it goes on in ACTIVE, and has a `state`.
    """

    ACTIVE: list[Any]
    state: Any

    cancel_requested = models.BooleanField(default=False)
    fence = models.PositiveIntegerField(default=0)  # grows with each claim; a write with an old fence does nothing
    lease_until = models.DateTimeField(null=True)  # null: nobody works on it
    failures = models.PositiveSmallIntegerField(default=0)  # tries that ended badly, a lost worker included
    not_before = models.DateTimeField(null=True)  # of the next try or look
    last_enqueued_at = models.DateTimeField(null=True)
    error = models.TextField(blank=True)  # one sentence for the person
    started_at = models.DateTimeField(null=True)
    finished_at = models.DateTimeField(null=True)

    class Meta:
        abstract = True

    @property
    def is_active(self) -> bool:
        return self.state in self.ACTIVE


class Job(Leased):
    """Work that ends as done, failed or cancelled, with nothing to tell its stages apart but how far it is."""

    class State(models.TextChoices):
        QUEUED = "queued", _("queued")
        RUNNING = "running", _("running")
        DONE = "done", _("done")
        FAILED = "failed", _("failed")
        CANCELLED = "cancelled", _("cancelled")

    ACTIVE = [State.QUEUED, State.RUNNING]
    gives_up = True  # after some workers were lost over it

    state = models.CharField(max_length=10, choices=State, default=State.QUEUED)
    progress = models.JSONField(default=dict)  # {"done", "total", "what"}, and what else its kind tells

    class Meta:
        abstract = True

    @property
    def percent(self) -> int:
        """How far it is, 0 to 100."""
        if self.state == self.State.DONE:
            return 100
        done, total = self.progress.get("done", 0), self.progress.get("total", 0)
        return min(99, round(100 * done / total)) if total else 0


class LeaseLost(Exception):
    """Somebody else has the work by now, or it is gone: whatever was going to be written is void."""


@dataclass
class FencedClaim(Generic[Row]):
    """The right to write to `row` as long as its fence is this one. Its model has ACTIVE states, a `state` and a
    `fence` that grows with each claim."""

    row: Row
    fence: int

    def write(self, **fields: Any) -> None:
        """Updates the row, here and in the database, if the claim still holds. LeaseLost otherwise."""
        model: Any = type(self.row)
        rows = model.objects.filter(pk=self.row.pk, fence=self.fence, state__in=model.ACTIVE)
        if not rows.update(**fields):
            raise LeaseLost(str(self.row.pk))
        for name, value in fields.items():
            setattr(self.row, name, value)

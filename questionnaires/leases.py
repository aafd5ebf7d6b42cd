"""Who works on a row of work. A claim has a lease, which is renewed, and a fence, which every later write carries."""

from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from django.db.models import Model

Row = TypeVar("Row", bound=Model)


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

"""What operations take from the address: the persona, and which part of a list (`limit` rows from `offset` on)."""

from collections.abc import Callable
from typing import Annotated, Any, Generic, TypeVar
from uuid import UUID

from django.db.models import QuerySet
from ninja import Field, Path, Query, Schema

Shape = TypeVar("Shape")
PersonaId = Annotated[UUID, Path()]  # it stands before the operation's own path
LONGEST, USUAL = 200, 50


class Window(Schema):
    """Which part of a list."""

    limit: int = Field(USUAL, ge=1, le=LONGEST, description="How many at most")
    offset: int = Field(0, ge=0, le=10_000_000, description="How many to pass over")


Part = Annotated[Window, Query()]


class Page(Schema, Generic[Shape]):
    """A part of a list; `total` counts the whole of it."""

    items: list[Shape]
    total: int
    limit: int
    offset: int


def page_of(
    rows: QuerySet[Any] | list[Any], part: Window, shape: Callable[[Any], Any] = lambda row: row
) -> dict[str, Any]:
    """The rows of this part, each in its shape."""
    total = len(rows) if isinstance(rows, list) else rows.count()
    shown = rows[part.offset : part.offset + part.limit]
    return {"items": [shape(row) for row in shown], "total": total, "limit": part.limit, "offset": part.offset}

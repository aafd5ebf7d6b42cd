"""A row as a line of the archive: one JSON object, a field a key, in the order of the table's columns."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import date, datetime, time
from decimal import Decimal
from typing import Any
from uuid import UUID

from django.contrib.auth.models import User
from django.db.models import Field, ForeignKey, JSONField, Model, Q, QuerySet

from privacy.catalogue import Table
from questionnaires.models import Question

ROWS_AT_ONCE = 500
# A question's key is a number of this database alone; elsewhere it goes by its slug.
QUESTION_BY = "slug"


def lines_of(table: Table, owner: User) -> Iterator[bytes]:
    """The person's rows, one at a time: memory does not grow with them."""
    fields = table.fields()
    slugs = [f"{field.name}__{QUESTION_BY}" for field in fields if is_question(field)]
    for row, *found in _with_slugs(table.rows(owner), slugs):
        values = {field.name: plain(field, row) for field in fields if not is_question(field)}
        names = [field.name for field in fields if is_question(field)]
        yield line_of(values | dict(zip(names, found, strict=True)))


def _with_slugs(rows: QuerySet[Any], slugs: list[str]) -> Iterator[tuple[Any, ...]]:
    """Each row with the slugs of the questions that it refers to."""
    related = [slug.split("__")[0] for slug in slugs]
    for row in rows.select_related(*related).iterator(chunk_size=ROWS_AT_ONCE):
        found = [getattr(row, name) for name in related]
        yield (row, *(question.slug if question else None for question in found))


def is_question(field: Field[Any, Any]) -> bool:
    return isinstance(field, ForeignKey) and field.related_model is Question


def plain(field: Field[Any, Any], row: Model) -> Any:
    """A column's value as JSON has it: times as ISO 8601, keys and amounts as text."""
    value = field.value_from_object(row)
    if isinstance(field, JSONField) or value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, datetime | date | time):
        return value.isoformat()
    if isinstance(value, UUID | Decimal):
        return str(value)
    return field.value_to_string(row)  # bytes as base64


def line_of(values: dict[str, Any]) -> bytes:
    return json.dumps(values, ensure_ascii=False, separators=(",", ":")).encode("utf-8", "surrogatepass") + b"\n"


def bank_lines(owner: User) -> Iterator[bytes]:
    """The questions of the bank that the person's rows refer to, for a bank that does not have them."""
    asked = Q(answers__owner=owner) | Q(questionnaires__persona__owner=owner)
    for question in Question.objects.filter(asked, persona=None).order_by("slug").distinct().iterator():
        yield line_of({"slug": question.slug, "topic": question.topic_id, "texts": question.texts})


def account_line(owner: User) -> bytes:
    """What the site knows of the account itself."""
    return line_of(
        {
            "username": owner.get_username(),
            "email": owner.email,
            "first_name": owner.first_name,
            "last_name": owner.last_name,
            "joined": owner.date_joined.isoformat(),
            "last_login": owner.last_login.isoformat() if owner.last_login else None,
        }
    )

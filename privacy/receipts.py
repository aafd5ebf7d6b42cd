"""What an erasure tells of itself: counts, times, and what could not be deleted, and never a text or a name."""

from __future__ import annotations

import hashlib
import secrets
from typing import Any, TypedDict

from django.utils.translation import gettext as _

from privacy.table_words import table_in_words

FORMAT = "persona-erasure-receipt"


class Left(TypedDict):
    """Something at a provider that is still there. `id` is the provider's."""

    host: str
    kind: str  # file, model, job
    id: str
    why: str  # a sentence


class Receipt(TypedDict, total=False):
    """The receipt as it is kept and downloaded. Times are ISO 8601."""

    format: str
    format_version: int
    scope: str  # account, persona
    asked_at: str
    finished_at: str
    rows: dict[str, int]  # by table
    files: int
    bytes: int
    runs_stopped: int
    deleted_elsewhere: dict[str, int]  # by kind
    left_elsewhere: list[Left]
    telegram_links: int
    sessions: int
    steps: list[str]  # done
    database_rewritten: bool | None  # None: the database is none that is one file
    notes: list[str]


def token_make() -> tuple[str, str]:
    """A token for a receipt's link, and its SHA-256, which is all that is kept."""
    token = secrets.token_urlsafe(32)
    return token, token_digest(token)


def token_digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()


def receipt_text(receipt: Receipt) -> str:
    """The same to read."""
    title = {"account": _("Everything of an account was deleted"), "persona": _("A portrait was deleted")}
    lines = [title[receipt["scope"]], ""]
    lines += [f"{_('Asked for')}: {receipt['asked_at']}", f"{_('Done')}: {receipt.get('finished_at', '')}", ""]
    lines += [_("Rows deleted here:"), *_rows(receipt["rows"])]
    lines += ["", _("Files deleted here: %(n)d (%(bytes)d bytes)") % {"n": receipt["files"], "bytes": receipt["bytes"]}]
    lines += [f"{_('Trainings stopped')}: {receipt['runs_stopped']}"]
    lines += [
        f"{_('Sessions ended')}: {receipt['sessions']}",
        f"{_('Telegram links cut')}: {receipt['telegram_links']}",
    ]
    lines += ["", _("Deleted at providers:"), *_elsewhere(receipt["deleted_elsewhere"])]
    lines += ["", _("Not deleted at providers:"), *_left(receipt["left_elsewhere"]), ""]
    return "\n".join([*lines, *receipt["notes"]]) + "\n"


def _rows(counts: dict[str, int]) -> list[str]:
    """Tables by their words, the fullest first."""
    ordered = sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))
    return [f"  {count:8}  {table_in_words(label)}" for label, count in ordered]


def _elsewhere(counts: dict[str, Any]) -> list[str]:
    return [f"  {count:8}  {kind}" for kind, count in sorted(counts.items())] or [f"  {_('nothing was there')}"]


def _left(rows: list[Left]) -> list[str]:
    return [f"  {row['host'] or '?'}  {row['kind']}  {row['id']}: {row['why']}" for row in rows] or [
        f"  {_('nothing')}"
    ]

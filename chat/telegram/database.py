"""The database from the bot's event loop."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, TypeVar

from asgiref.sync import sync_to_async
from django.db import close_old_connections

Result = TypeVar("Result")


async def ask(function: Callable[..., Result], **named: Any) -> Result:
    """`function` in the database's thread. No request closes a broken connection here, so each call looks first."""
    return await sync_to_async(_call)(function, named)


def _call(function: Callable[..., Result], named: dict[str, Any]) -> Result:
    close_old_connections()
    return function(**named)

"""JSON to an own server or a paid service: to its origin alone, without redirects, with an end."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx2

from chat.translation.errors import TranslationFailed
from chat.translation.translators import sentences
from training.providers.addresses import AddressRefused, AsyncGuardedTransport

CONNECT_SECONDS, WHOLE_SECONDS = 4.0, 15.0


async def post(title: str, address: str, path: str, body: dict[str, Any], key: str = "") -> Any:
    """The JSON of the answer. `key` goes into the header Authorization. Raises TranslationFailed."""
    headers = {"Authorization": key} if key else {}
    timeout = httpx2.Timeout(WHOLE_SECONDS, connect=CONNECT_SECONDS)
    try:
        async with (
            asyncio.timeout(WHOLE_SECONDS),
            httpx2.AsyncClient(transport=AsyncGuardedTransport(address), trust_env=False, timeout=timeout) as client,
        ):
            response = await client.post(address + path, json=body, headers=headers)
    except AddressRefused as refused:
        raise TranslationFailed(str(refused)) from None
    except (TimeoutError, httpx2.TimeoutException):
        raise sentences.too_slow(title) from None
    except (httpx2.HTTPError, httpx2.InvalidURL, KeyError):
        raise sentences.unreachable(title) from None
    if response.status_code != 200:
        raise sentences.of_status(title, response.status_code)
    try:
        return response.json()
    except ValueError:
        raise sentences.unintelligible(title) from None

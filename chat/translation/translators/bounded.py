"""`requests` with an end: deep-translator calls it without any time-out, and follows wherever it is sent."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import Any

import requests
import urllib3
from deep_translator import exceptions

from chat.translation.translators import sentences

CONNECT_SECONDS, READ_SECONDS, WHOLE_SECONDS = 4.0, 8.0, 12.0
MAX_BYTES = 1_000_000
MISREAD = (ValueError, AttributeError, KeyError, TypeError)  # deep-translator reads what it expects to find


class Bounded:
    """Stands in for the module `requests` inside deep-translator's modules."""

    def get(self, address: str, **named: Any) -> requests.Response:
        """Ends after WHOLE_SECONDS even where the server sends a byte a second."""
        give_up = time.monotonic() + WHOLE_SECONDS
        timeout = (CONNECT_SECONDS, READ_SECONDS)
        response = requests.get(
            address, params=named.get("params"), timeout=timeout, stream=True, allow_redirects=False
        )
        content = b""
        while piece := response.raw.read1(65536, decode_content=True):  # what is there, be it a byte
            content += piece
            if time.monotonic() > give_up or len(content) > MAX_BYTES:
                response.close()
                raise requests.Timeout
        response._content = content  # what its `text` and `json` read
        response.encoding = "utf-8"
        return self.checked(response)

    def checked(self, response: requests.Response) -> requests.Response:
        """For services that tell of a failure in a body of success."""
        return response


async def call(title: str, ask: Callable[[], str | None]) -> str | None:
    """`ask` in a thread of its own, with its many kinds of errors as one."""
    try:
        return await asyncio.to_thread(_without_stop, ask)
    except (requests.Timeout, urllib3.exceptions.TimeoutError):
        raise sentences.too_slow(title) from None
    except exceptions.TooManyRequests:
        raise sentences.of_status(title, 429) from None
    except exceptions.RequestError:
        raise sentences.of_status(title, 500) from None
    except (exceptions.BaseError, *MISREAD):
        raise sentences.unintelligible(title) from None
    except (requests.RequestException, urllib3.exceptions.HTTPError):
        raise sentences.unreachable(title) from None


def _without_stop(ask: Callable[[], str | None]) -> str | None:
    """No StopIteration, which deep-translator lets out: a future cannot carry it and is waited for for ever."""
    try:
        return ask()
    except StopIteration:
        return None

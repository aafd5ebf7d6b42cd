"""Which model server is asked for what, where there are several.

A version belongs to one server by rendezvous hashing (Thaler and Ravishankar, 1998): each pair of server and version
has a weight, and the healthy server of the highest weight is asked. So a version stays loaded where it is, a server
that goes hands its versions to all the others, and one that comes back takes its own again. No process has to agree
with another one on anything.
"""

import asyncio
import hashlib
import socket
import sys
import threading
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

import httpx2
from django.conf import settings

from training.providers.addresses import tls

LOOK_SECONDS = 1.0
UP_SECONDS, AWAY_SECONDS = 5.0, 3.0  # how long a look is remembered

_lock = threading.Lock()
_seen: dict[str, tuple[bool, float]] = {}  # address -> (up, until when that is taken for true)


def engine_urls() -> list[str]:
    """All model servers of this site; a server that a command started for itself is the only one meanwhile."""
    several: list[str] = getattr(settings, "ENGINE_URLS", [])
    return several if settings.ENGINE_URL in several else [settings.ENGINE_URL]


def engine_headers() -> dict[str, str]:
    """What the servers of this site want to hear (ENGINE_TOKEN)."""
    return {"Authorization": f"Bearer {settings.ENGINE_TOKEN or 'local'}"}


def by_weight(key: str, urls: Sequence[str]) -> list[str]:
    """The servers, the one that `key` belongs to first."""
    return sorted(urls, key=lambda url: hashlib.sha256(f"{url}\0{key}".encode()).digest(), reverse=True)


def engines_for(key: str, urls: Sequence[str] | None = None) -> list[str]:
    """Addresses in the order to try them, those that are away last. Looks at each, unless that was done just now."""
    ranked = by_weight(key, engine_urls() if urls is None else urls)
    if len(ranked) < 2:
        return ranked
    up = _looks(ranked)
    return sorted(ranked, key=lambda url: not up[url])


async def engines_for_async(key: str, urls: Sequence[str] | None = None) -> list[str]:
    """The same, without keeping the event loop waiting for a look."""
    ranked = by_weight(key, engine_urls() if urls is None else urls)
    if len(ranked) < 2 or all(_remembered(url) is not None for url in ranked):
        return engines_for(key, ranked)
    return await asyncio.to_thread(engines_for, key, ranked)


def engine_is_away(url: str) -> None:
    """Notes that a server did not answer, so that the next request goes elsewhere at once."""
    _remember(url, False)


def _looks(urls: Sequence[str]) -> Mapping[str, bool]:
    known = {url: _remembered(url) for url in urls}
    if unknown := [url for url in urls if known[url] is None]:
        with ThreadPoolExecutor(len(unknown)) as pool:
            for url, up in zip(unknown, pool.map(_look, unknown), strict=True):
                known[url] = up
                _remember(url, up)
    return {url: bool(up) for url, up in known.items()}


def _look(url: str) -> bool:
    try:
        with httpx2.Client(verify=tls(), trust_env=False, timeout=LOOK_SECONDS) as client:
            return client.get(f"{url}/health").status_code == httpx2.codes.OK
    except httpx2.HTTPError:
        return False


def _remembered(url: str) -> bool | None:
    with _lock:
        up, until = _seen.get(url, (False, 0.0))
        return up if time.monotonic() < until else None


def _remember(url: str, up: bool) -> None:
    with _lock:
        _seen[url] = (up, time.monotonic() + (UP_SECONDS if up else AWAY_SECONDS))


def patient_socket() -> list[tuple[int, int, int]]:
    """Socket options that notice within some ten seconds that the machine at the other end is gone without a word."""
    found = [(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)]
    if sys.platform == "linux":
        found += [
            (socket.IPPROTO_TCP, socket.TCP_KEEPIDLE, 4),
            (socket.IPPROTO_TCP, socket.TCP_KEEPINTVL, 2),
            (socket.IPPROTO_TCP, socket.TCP_KEEPCNT, 3),
            (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 10_000),
        ]
    return found

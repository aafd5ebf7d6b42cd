"""Where requests with a person's words and key may go.

The check is on the very IP address that is connected to, after the name was resolved: a name that resolves to something
else a moment later (DNS rebinding) gains nothing. Refused are link-local and unspecified addresses, multicast, and the
metadata services of clouds; plain HTTP is for this computer and the home network alone. A transport speaks to one
origin with one set of headers, so that nothing in the environment can send a key elsewhere.
"""

import asyncio
import ipaddress
import socket
import ssl
from collections.abc import Iterable, Iterator
from functools import cache
from typing import Any, cast
from urllib.parse import SplitResult, urlsplit

import httpcore2
import httpx2
from django.utils.translation import gettext as _

from training.providers.allowed_hosts import host_allowed

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
METADATA = frozenset(
    ipaddress.ip_address(text)
    for text in (
        "169.254.169.254",  # AWS, Azure, Google, most others
        "fd00:ec2::254",  # AWS over IPv6
        "100.100.100.200",  # Alibaba
        "192.0.0.192",  # Oracle
        "168.63.129.16",  # Azure's platform
    )
)
TRANSLATED = ipaddress.ip_network("64:ff9b::/96")  # RFC 6052: the last 32 bits are an IPv4 address
TRIED = 2  # addresses of a name; more would outlast a lease
HEADERS = frozenset(
    {
        *("accept", "accept-encoding", "authorization", "connection", "content-length", "content-type", "host"),
        *("transfer-encoding", "user-agent"),
    }
)
OF_THE_SDK = "x-stainless-"  # it reads some of them again at the answer
LARGEST_ANSWER = 32_000_000  # bytes: a page of a thousand jobs has some 2 MB


class AddressRefused(Exception):
    """Nothing is sent there; the message is a sentence for the person."""


def check_address(url: str) -> None:
    """AddressRefused if `url` cannot be a provider's address. Names are resolved again when they are connected to."""
    parts = _split(url)
    host, port = parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80)
    _check_host(host)
    literal = _literal(host)
    if literal is not None:
        _check(literal, plain=parts.scheme == "http")
    elif parts.scheme == "http":
        try:
            resolve(host, port, plain=True)
        except OSError:
            return  # it may be reachable later, and is checked then


def _check_host(host: str) -> None:
    if not host_allowed(host):
        raise AddressRefused(
            _("%(host)s is not among the providers of this installation. Ask its administrator to allow it.")
            % {"host": host}
        )


def _split(url: str) -> SplitResult:
    try:
        parts = urlsplit(url)
        int(parts.port or 0)
    except ValueError:
        raise AddressRefused(_sentence_of_form()) from None
    whole = parts.scheme in {"http", "https"} and parts.hostname and not any(c.isspace() for c in url)
    if not whole or parts.query or parts.fragment or parts.username is not None:
        raise AddressRefused(_sentence_of_form())
    return parts


def _sentence_of_form() -> str:
    return _("This is no address of a provider. It looks like https://api.example.com/v1.")


def _literal(host: str) -> Address | None:
    try:
        return ipaddress.ip_address(host.split("%")[0])
    except ValueError:
        return None


def resolve(host: str, port: int, *, plain: bool) -> list[str]:
    """IP addresses of `host`, all of them checked. AddressRefused if one is not allowed; OSError if there is none."""
    return _checked(socket.getaddrinfo(host, port, type=socket.SOCK_STREAM), plain)


def _checked(found: Iterable[tuple[Any, ...]], plain: bool) -> list[str]:
    addresses = list(dict.fromkeys(str(entry[4][0]) for entry in found))
    for text in addresses:
        _check(ipaddress.ip_address(text.split("%")[0]), plain=plain)
    return addresses[:TRIED]


def _check(address: Address, *, plain: bool) -> None:
    for each in _meant(address):
        if each in METADATA or each.is_link_local or each.is_unspecified or each.is_multicast or _is_reserved(each):
            raise AddressRefused(_("%(address)s is not the address of a provider.") % {"address": each})
        if plain and not (each.is_loopback or each.is_private):
            raise AddressRefused(
                _("Without encryption only this computer and your own network may be used: begin with https://.")
            )


def _is_reserved(address: Address) -> bool:
    """240.0.0.0/4, and 0.0.0.0/8, which some systems take for themselves."""
    return address.version == 4 and (address.is_reserved or int(address) >> 24 == 0)


def _meant(address: Address) -> Iterator[Address]:
    """The address, and the IPv4 address that it wraps (mapped, translated or tunnelled)."""
    yield address
    if isinstance(address, ipaddress.IPv6Address):
        wrapped = address.ipv4_mapped or address.sixtofour or (address.teredo[1] if address.teredo else None)
        if address in TRANSLATED:
            wrapped = ipaddress.IPv4Address(int(address) & 0xFFFFFFFF)
        if wrapped is not None:
            yield wrapped


@cache
def tls() -> ssl.SSLContext:
    """One context for all clients, of the certificates that come with the program: reading them takes 60 ms."""
    return httpx2.create_ssl_context(trust_env=False)


class GuardedTransport(httpx2.HTTPTransport):
    """Speaks to the origin of `base_url` and to nobody else."""

    def __init__(self, base_url: str) -> None:
        super().__init__(verify=tls(), trust_env=False)
        self._origin = _origin(httpx2.URL(base_url))
        self._pool.close()
        self._pool = httpcore2.ConnectionPool(
            ssl_context=tls(), network_backend=GuardedBackend(plain=self._origin[0] == "http")
        )

    def handle_request(self, request: httpx2.Request) -> httpx2.Response:
        _bind(request, self._origin)
        response = super().handle_request(request)
        _refuse_packed(response)
        response.stream = Bounded(cast(httpx2.SyncByteStream, response.stream))
        return response


class Bounded(httpx2.SyncByteStream):
    """The bytes of an answer, ReadError beyond LARGEST_ANSWER: a broken server must not fill the memory."""

    def __init__(self, inner: httpx2.SyncByteStream) -> None:
        self._inner = inner

    def __iter__(self) -> Iterator[bytes]:
        seen = 0
        for piece in self._inner:
            seen += len(piece)
            if seen > LARGEST_ANSWER:
                raise httpx2.ReadError(f"The answer has more than {LARGEST_ANSWER} bytes.")
            yield piece

    def close(self) -> None:
        self._inner.close()


def _refuse_packed(response: httpx2.Response) -> None:
    """ReadError for a compressed answer: none was asked for, and a small one can unpack to any size."""
    if response.headers.get("content-encoding", "identity").lower() != "identity":
        response.close()
        raise httpx2.ReadError("The answer is compressed, which was not asked for.")


class GuardedBackend(httpcore2.NetworkBackend):
    """Connects to checked IP addresses alone. TLS still proves the host's name: it is taken from the request."""

    def __init__(self, *, plain: bool) -> None:
        self._plain, self._inner = plain, httpcore2.SyncBackend()

    def connect_tcp(self, host: str, port: int, *arguments: Any, **named: Any) -> httpcore2.NetworkStream:
        try:
            addresses = resolve(host, port, plain=self._plain)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return self._inner.connect_tcp(address, port, *arguments, **named)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return self._inner.connect_tcp(addresses[-1], port, *arguments, **named)


class AsyncGuardedTransport(httpx2.AsyncHTTPTransport):
    """The same for asynchronous clients."""

    def __init__(self, base_url: str) -> None:
        super().__init__(verify=tls(), trust_env=False)
        self._origin = _origin(httpx2.URL(base_url))
        self._pool = httpcore2.AsyncConnectionPool(
            ssl_context=tls(), network_backend=AsyncGuardedBackend(plain=self._origin[0] == "http")
        )

    async def handle_async_request(self, request: httpx2.Request) -> httpx2.Response:
        _bind(request, self._origin)
        return await super().handle_async_request(request)


class AsyncGuardedBackend(httpcore2.AsyncNetworkBackend):
    """See GuardedBackend."""

    def __init__(self, *, plain: bool) -> None:
        self._plain, self._inner = plain, httpcore2.AnyIOBackend()

    async def connect_tcp(self, host: str, port: int, *arguments: Any, **named: Any) -> httpcore2.AsyncNetworkStream:
        try:
            found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
            addresses = _checked(found, self._plain)
        except OSError as error:
            raise httpcore2.ConnectError(str(error)) from error
        for address in addresses[:-1]:
            try:
                return await self._inner.connect_tcp(address, port, *arguments, **named)
            except (httpcore2.ConnectError, httpcore2.ConnectTimeout):
                continue
        return await self._inner.connect_tcp(addresses[-1], port, *arguments, **named)


def _origin(url: httpx2.URL) -> tuple[str, str, int]:
    return url.scheme, url.host, url.port or {"https": 443, "http": 80}[url.scheme]


def _bind(request: httpx2.Request, origin: tuple[str, str, int]) -> None:
    """Refuses another origin, and drops headers that the environment added (OPENAI_CUSTOM_HEADERS, OPENAI_ORG_ID)."""
    if _origin(request.url) != origin:
        raise AddressRefused(_("The provider sent us to another address, which is not followed."))
    _check_host(request.url.host)  # the list may be shorter than when the address was entered
    for name in list(request.headers):
        if name.lower() not in HEADERS and not name.lower().startswith(OF_THE_SDK):
            del request.headers[name]
    request.headers["accept-encoding"] = "identity"

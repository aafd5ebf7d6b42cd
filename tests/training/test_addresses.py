"""Which addresses a provider may have."""

import asyncio
import gzip
import socket
import threading
from contextlib import contextmanager, suppress

import httpx2
import pytest

from training.providers.addresses import AddressRefused, AsyncGuardedTransport, GuardedTransport, check_address


@pytest.mark.parametrize(
    "url",
    [
        "https://api.example.com/v1",
        "https://8.8.8.8/v1",
        "http://127.0.0.1:8000/v1",
        "http://[::1]:8000/v1",
        "http://localhost:8000/v1",
        "http://192.168.1.20/v1",
        "https://10.0.0.1",
        "http://no-such-name.invalid/v1",
    ],
)
def test_allowed(url):
    check_address(url)


@pytest.mark.parametrize(
    "url",
    [
        "http://8.8.8.8/v1",
        "https://169.254.169.254/latest",
        "http://169.254.1.1",
        "http://0.0.0.0:8000",
        "http://0.1.2.3",
        "http://[::]/",
        "http://[fe80::1%25eth0]/",
        "http://[::ffff:169.254.169.254]/",
        "http://[64:ff9b::a9fe:a9fe]/",
        "https://[2002:a9fe:a9fe::]/",
        "https://[fd00:ec2::254]/",
        "https://100.100.100.200/",
        "https://192.0.0.192/",
        "https://168.63.129.16/",
        "https://224.0.0.1/",
        "https://255.255.255.255/",
        "ftp://example.com/",
        "file:///etc/passwd",
        "https:///v1",
        "https://user:word@example.com/v1",
        "https://example.com/v1?key=1",
        "https://example.com/v1#part",
        "https://example.com:port/v1",
        "https://exa mple.com/v1",
        "api.example.com",
        "",
    ],
)
def test_refused_with_a_sentence(url):
    with pytest.raises(AddressRefused, match=r"\.$"):
        check_address(url)


def asked_asynchronously(base_url, address):
    async def ask():
        async with httpx2.AsyncClient(transport=AsyncGuardedTransport(base_url), trust_env=False) as client:
            return await client.get(address, headers={"authorization": "Bearer sk-1", "x-canary": "canary"})

    return asyncio.run(ask())


def test_an_asynchronous_client_is_guarded_too(standin, monkeypatch):
    assert asked_asynchronously(standin.base_url, f"{standin.base_url}/models").status_code == 401
    assert "canary" not in repr(standin.requests)
    with pytest.raises(AddressRefused, match="another address"):
        asked_asynchronously("https://api.example.com/v1", f"{standin.base_url}/models")
    assert len(standin.requests) == 1


@pytest.mark.parametrize("scheme", ["http", "https"])
def test_a_name_that_leads_to_the_metadata_service_is_not_connected_to(monkeypatch, scheme):
    found = [(2, 1, 6, "", ("10.0.0.1", 80)), (2, 1, 6, "", ("169.254.169.254", 80))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_arguments, **_named: found)
    base_url = f"{scheme}://rebinding.example/v1"
    with pytest.raises(AddressRefused, match=r"169\.254"):
        asked_asynchronously(base_url, f"{base_url}/models")
    with (
        pytest.raises(AddressRefused, match=r"169\.254"),
        httpx2.Client(transport=GuardedTransport(base_url)) as client,
    ):
        client.get(f"{base_url}/models")


def test_a_dead_address_of_a_name_does_not_hide_a_living_one(standin, monkeypatch):
    found = [(2, 1, 6, "", ("127.0.0.2", standin.port)), (2, 1, 6, "", ("127.0.0.1", standin.port))]
    monkeypatch.setattr("socket.getaddrinfo", lambda *_arguments, **_named: found)
    base_url = f"http://two.example:{standin.port}/v1"
    assert asked_asynchronously(base_url, f"{base_url}/models").status_code == 401
    with httpx2.Client(transport=GuardedTransport(base_url)) as client:
        assert client.get(f"{base_url}/models").status_code == 401


@pytest.mark.parametrize(
    ("headers", "body"),
    [
        ([b"Content-Encoding: gzip"], gzip.compress(b"0" * 1_000_000)),
        ([], b"0" * 33_000_000),
    ],
    ids=["compressed", "endless"],
)
def test_an_answer_that_would_fill_the_memory_is_not_read(headers, body):
    with listening(b"\r\n".join([b"HTTP/1.1 200 OK", *headers, b"", b""]) + body) as (base_url, asked):
        with (
            httpx2.Client(transport=GuardedTransport(base_url), trust_env=False) as client,
            pytest.raises(httpx2.ReadError, match=r"compressed|more than"),
        ):
            client.get(base_url)
        assert b"accept-encoding: identity" in asked[0].lower()


@contextmanager
def listening(answer):
    """A server for one connection that sends `answer` and hangs up: its address, and what it was asked."""
    asked = []

    def serve():
        connection = server.accept()[0]
        asked.append(connection.recv(65_536))
        with suppress(OSError):  # the client hung up in the middle, as it should
            connection.sendall(answer)
        connection.close()

    with socket.create_server(("127.0.0.1", 0)) as server:
        thread = threading.Thread(target=serve)
        thread.start()
        yield f"http://127.0.0.1:{server.getsockname()[1]}/v1", asked
        thread.join()

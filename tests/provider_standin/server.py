"""The HTTP side: one thread a connection, so that a request can be slow, or dropped, by itself."""

import json
import re
import socket
import threading
import time
from contextlib import suppress
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

from tests.provider_standin import schema
from tests.provider_standin.account import Account, Habits
from tests.provider_standin.answers import Answer, Refusal, answer
from tests.provider_standin.faults import Fault, Faults

KEY = "sk-standin-0123456789abcdef"
ROUTES = [
    (operation, method.upper(), re.compile(re.sub(r"\{\w+\}", "(.+)" if "model" in path else "([^/]+)", path) + "$"))
    for operation, (method, path) in schema.OPERATIONS.items()
]


@dataclass(frozen=True)
class Seen:
    """A request as it came: `body` is JSON, or the fields of a form with a file as its name and bytes."""

    operation: str
    method: str
    path: str
    query: dict[str, str]
    headers: dict[str, str]  # names in lower case
    body: Any
    raw: bytes

    @property
    def key(self) -> str:
        return self.headers.get("authorization", "").removeprefix("Bearer ")


class Standin:
    """A provider on loopback. `habits` and `account` may be looked at and changed while it runs."""

    def __init__(self, key: str = KEY, port: int = 0) -> None:
        self.key, self.port = key, port
        self.habits, self.faults = Habits(), Faults()
        self.account = Account(self.habits)
        self.requests: list[Seen] = []
        self.complaints: list[str] = []  # of requests that the published document does not allow
        self.lock = threading.RLock()
        self._server: ThreadingHTTPServer | None = None

    def start(self) -> "Standin":
        if not schema.unchecked():
            schema.load()
        handler = type("BoundHandler", (Handler,), {"standin": self})
        self._server = Server(("127.0.0.1", self.port), handler)
        self.port = self._server.server_address[1]
        self._thread = threading.Thread(target=self._server.serve_forever, args=(0.05,), daemon=True)
        self._thread.start()
        return self

    def stop(self) -> None:
        """Closes the port; what the account holds stays, for a later `start` at the same address."""
        if self._server is not None:
            self._server.shutdown()
            self._server.server_close()
            self._server.hang_up()
            self._thread.join()
            self._server = None

    def __enter__(self) -> "Standin":
        return self.start()

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def base_url(self) -> str:
        return f"http://127.0.0.1:{self.port}/v1"

    @property
    def jobs(self) -> list[Any]:
        """Oldest first."""
        return list(self.account.jobs.values())

    @property
    def wrong_keys(self) -> list[Seen]:
        """Requests that carried another key than this server's; it must stay empty (or a test is about it)."""
        return [seen for seen in self.requests if seen.key != self.key]

    def tell(self, where: str, what: str, **how: Any) -> Fault:
        """What shall go wrong, and where; see Fault. As in `tell("jobs.create", "status", status=429)`."""
        fault = Fault(where, what, **how)
        self.faults.add(fault)
        return fault

    def count(self, operation: str) -> int:
        """How many requests of an operation came."""
        return sum(seen.operation == operation for seen in self.requests)


class Server(ThreadingHTTPServer):
    """Remembers its open connections, so that stopping leaves none behind."""

    daemon_threads = True
    request_queue_size = 128

    def __init__(self, *arguments: Any) -> None:
        self.open_sockets: set[socket.socket] = set()
        super().__init__(*arguments)

    def process_request(self, request: Any, client_address: Any) -> None:
        self.open_sockets.add(request)
        super().process_request(request, client_address)

    def shutdown_request(self, request: Any) -> None:
        self.open_sockets.discard(request)
        super().shutdown_request(request)

    def hang_up(self) -> None:
        for each in list(self.open_sockets):
            hang_up(each)

    def handle_error(self, request: Any, client_address: Any) -> None:
        """An asker that went away, or was killed, is no error here."""


def hang_up(connection: socket.socket) -> None:
    with suppress(OSError):
        connection.shutdown(socket.SHUT_RDWR)


class Dropped(Exception):
    """The connection was told to break."""


class Handler(BaseHTTPRequestHandler):
    standin: Standin
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def handle_all(self) -> None:
        raw = self.rfile.read(int(self.headers.get("content-length") or 0))
        try:
            self._send(self._answer(raw))
        except Refusal as refusal:
            self._send(refusal.answer)
        except Dropped:
            hang_up(self.connection)
            self.close_connection = True

    do_GET = do_POST = do_DELETE = handle_all

    def _answer(self, raw: bytes) -> Answer:
        standin = self.standin
        seen, identifier = self._read(raw)
        standin.requests.append(seen)
        if seen.key != standin.key:
            raise Refusal(401, "Incorrect API key provided.", "invalid_api_key")
        self._misbehave(seen.operation, after=False)
        if seen.operation == "":
            raise Refusal(404, f"Unknown request URL: {seen.method} {seen.path}.", "unknown_url")
        if faults := schema.faults_of_request(seen.operation, _described(seen), seen.query):
            standin.complaints += [f"{seen.operation}: {fault}" for fault in faults]
            raise Refusal(400, "; ".join(faults), "invalid_request")
        with standin.lock:
            found = answer(standin.account, seen, identifier)
        self._misbehave(seen.operation, after=True)
        return found

    def _read(self, raw: bytes) -> tuple[Seen, str]:
        parts = urlsplit(self.path)
        path = unquote(parts.path).removeprefix("/v1")
        operation, identifier = "", ""
        for name, method, pattern in ROUTES:
            if method == self.command and (match := pattern.match(path)):
                operation, identifier = name, "".join(match.groups()[:1])
                break
        headers = {name.lower(): value for name, value in self.headers.items()}
        body = _body(headers.get("content-type", ""), raw)
        return Seen(operation, self.command, path, dict(parse_qsl(parts.query)), headers, body, raw), identifier

    def _misbehave(self, operation: str, *, after: bool) -> None:
        for fault in self.standin.faults.due(operation, after=after):
            if fault.what == "delay":
                time.sleep(fault.seconds)
            elif fault.what == "call":
                fault.call()
            elif fault.what == "drop":
                raise Dropped
            elif fault.what == "garbage":
                raise Refusal.garbage()
            elif fault.what == "status":
                raise Refusal(fault.status, fault.message, fault.code, fault.headers)

    def _send(self, found: Answer) -> None:
        self.send_response(found.status)
        for name, value in {"content-type": found.content_type, **found.headers}.items():
            self.send_header(name, value)
        if found.stream is None:
            self.send_header("content-length", str(len(found.content)))
        else:
            self.send_header("connection", "close")
            self.close_connection = True
        self.end_headers()
        self.wfile.write(found.content)
        for piece in found.stream or ():
            self.wfile.write(piece)

    def log_message(self, *_: Any) -> None:
        """Quiet."""


def _described(seen: Seen) -> Any:
    """The body as the document describes it: a file is a string there."""
    if seen.operation != "files.create":
        return seen.body
    return {name: value[0] if isinstance(value, tuple) else value for name, value in seen.body.items()}


def _body(content_type: str, raw: bytes) -> Any:
    if content_type.startswith("multipart/form-data"):
        return _form(raw, content_type.split("boundary=", 1)[1].strip('"').encode())
    try:
        return json.loads(raw) if raw else None
    except ValueError:
        return None


def _form(raw: bytes, boundary: bytes) -> dict[str, Any]:
    """Fields by name; a file is (name, bytes)."""
    fields: dict[str, Any] = {}
    for part in raw.split(b"--" + boundary)[1:-1]:
        head, content = part.removeprefix(b"\r\n").removesuffix(b"\r\n").split(b"\r\n\r\n", 1)
        names = dict(re.findall(r'(\w+)="([^"]*)"', head.decode()))
        value = (names["filename"], content) if "filename" in names else content.decode()
        fields[names["name"]] = value
    return fields

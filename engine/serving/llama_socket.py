"""llama.cpp's own HTTP server on a Unix socket, for the one thing that xllamacpp does not offer as a function."""

from __future__ import annotations

import http.client
import json
import socket


class LlamaSocket:
    """Requests to the socket at `path`."""

    def __init__(self, path: str) -> None:
        self.path = path

    def tokenize(self, text: str) -> list[tuple[int, bool]]:
        """The token ids of `text`, and whether each is a text by itself or holds a part of a character.

        Special tokens written in it count as such.
        """
        connection = _UnixConnection(self.path)
        try:
            body = json.dumps({"content": text, "add_special": False, "parse_special": True, "with_pieces": True})
            connection.request("POST", "/tokenize", body, {"Content-Type": "application/json"})
            tokens = json.loads(connection.getresponse().read())["tokens"]
            return [(int(one["id"]), isinstance(one["piece"], str)) for one in tokens]
        finally:
            connection.close()


class _UnixConnection(http.client.HTTPConnection):
    def __init__(self, path: str) -> None:
        super().__init__("localhost", timeout=10)
        self._path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self._path)

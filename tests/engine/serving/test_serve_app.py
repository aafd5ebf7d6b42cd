"""The application without a runtime: what is answered when a part fails."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pytest
from starlette.testclient import TestClient

from engine.serving.app import create_app
from engine.serving.catalog import Catalog
from engine.serving.retrieval import Document, Ranking
from tests.engine.serving.test_serve_scheduler import Speller


class FailingRetriever:
    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]:
        raise ZeroDivisionError

    def rank(self, query: str, documents: Sequence[Document], context: str | None = None, top_n: int = 3) -> Ranking:
        raise ZeroDivisionError


def client(folder: Path, **options: Any) -> TestClient:
    backend = Speller()
    app = create_app(backend, Catalog(folder, "base", backend.adapter_file), FailingRetriever, **options)
    return TestClient(app, base_url="http://localhost:1", raise_server_exceptions=False)


def test_a_defect_has_openais_error_body(tmp_path: Path) -> None:
    with client(tmp_path) as http:
        reply = http.post("/v1/embeddings", json={"model": "base", "input": "x"})
    assert reply.status_code == 500
    assert reply.json()["error"]["code"] == "internal_error"


def test_other_hosts_are_refused_only_on_loopback(tmp_path: Path) -> None:
    headers = {"host": "persona.example"}
    with client(tmp_path) as http:
        assert http.get("/health", headers=headers).status_code == 403
        assert http.get("/health", headers={"host": "[::1]:80"}).status_code == 200
    with client(tmp_path, only_local=False) as http:
        assert http.get("/health", headers=headers).status_code == 200


@pytest.mark.parametrize(("given", "status"), [("Bearer k", 200), ("Bearer kk", 401), ("k", 401), ("Bearer \xe9", 401)])
def test_the_key_is_compared_whole(tmp_path: Path, given: str, status: int) -> None:
    with client(tmp_path, key="k") as http:
        reply = http.get("/v1/models", headers={"authorization": given.encode("latin-1")})
        assert reply.status_code == status
        assert http.get("/health").status_code == 200


def test_a_stream_of_letters(tmp_path: Path) -> None:
    body = {"model": "base", "prompt": "a", "max_tokens": 3, "stream": True, "stop": "d"}
    with client(tmp_path) as http:
        lines = http.post("/v1/completions", json=body).text.split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    chunks = [json.loads(line.removeprefix("data: "))["choices"][0] for line in lines[:-2]]
    assert "".join(one["text"] for one in chunks) == "bc"
    assert chunks[-1]["finish_reason"] == "stop"

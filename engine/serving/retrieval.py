"""The endpoints over a person's own answers: /v1/embeddings and /v1/rerank."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
import numpy.typing as npt
from starlette.requests import Request
from starlette.responses import JSONResponse, Response

from engine.serving import requests
from engine.serving.errors import ApiError, invalid
from engine.serving.http import read_json, unless_gone
from engine.serving.requests import Body

MAX_TEXTS = 512
MAX_DOCUMENTS = 2000


@dataclass(frozen=True)
class Document:
    """One answer and the wordings of its question."""

    id: str
    questions: tuple[str, ...]
    answer: str


class Hit(Protocol):
    @property
    def index(self) -> int: ...
    @property
    def score(self) -> float: ...


class Ranking(Protocol):
    @property
    def results(self) -> Sequence[Hit]: ...
    @property
    def probability(self) -> float: ...
    @property
    def known(self) -> bool: ...


class Retriever(Protocol):
    """Ranks documents; keeps what it computed for a set of documents, so that asking again costs only the query."""

    def embed(self, texts: Sequence[str]) -> npt.NDArray[np.float32]: ...

    def rank(
        self, query: str, documents: Sequence[Document], context: str | None = None, top_n: int = 3
    ) -> Ranking: ...


class RetrievalService:
    """Runs a retriever in one thread; it is made at the first request, since not every server needs it."""

    def __init__(self, make: Callable[[], Retriever]) -> None:
        self._make = make
        self._retriever: Retriever | None = None
        self._thread = ThreadPoolExecutor(1, thread_name_prefix="retrieve")

    async def embeddings(self, request: Request) -> Response:
        """POST /v1/embeddings; vectors of unit length, as numbers or as base64 of little-endian float32."""
        body = await read_json(request)
        model, texts, encoding = requests.text(body, "model"), _texts(body), body.get("encoding_format", "float")
        if encoding not in ("float", "base64"):
            raise invalid("encoding_format", "`encoding_format` must be “float” or “base64”.")
        if body.get("dimensions") is not None:
            raise invalid("dimensions", "`dimensions` is not supported. Leave it out.")
        vectors = await self._call(request, lambda retriever: retriever.embed(texts))
        data = [
            {"object": "embedding", "index": index, "embedding": _encode(row, encoding)}
            for index, row in enumerate(vectors)
        ]
        words = sum(len(one.split()) for one in texts)
        counts = {"prompt_tokens": words, "total_tokens": words}
        return JSONResponse({"object": "list", "data": data, "model": model, "usage": counts})

    async def rerank(self, request: Request) -> Response:
        """POST /v1/rerank."""
        body = await read_json(request)
        query, documents = requests.text(body, "query"), _documents(body)
        context = requests.text(body, "context") if body.get("context") else None
        top_n = requests.integer(body, "top_n", 1) or 3
        ranking = await self._call(request, lambda retriever: retriever.rank(query, documents, context, top_n))
        results = [
            {"index": hit.index, "id": documents[hit.index].id, "relevance_score": hit.score} for hit in ranking.results
        ]
        answerable = {"probability": ranking.probability, "known": ranking.known}
        return JSONResponse({"results": results, "answerable": answerable})

    def close(self) -> None:
        self._thread.shutdown(wait=False, cancel_futures=True)

    async def _call(self, request: Request, work: Callable[[Retriever], Any]) -> Any:
        loop = asyncio.get_running_loop()
        return await unless_gone(request, loop.run_in_executor(self._thread, lambda: work(self._get())))

    def _get(self) -> Retriever:
        if self._retriever is None:
            self._retriever = self._make()
        return self._retriever


def _texts(body: Body) -> list[str]:
    given = body.get("input")
    found = [given] if isinstance(given, str) else given
    if not isinstance(found, list) or not found or not all(isinstance(one, str) and one for one in found):
        raise invalid(
            "input", "`input` must be a text, or a list of texts, and not empty. Token ids are not supported."
        )
    if len(found) > MAX_TEXTS:
        raise invalid("input", f"`input` may have at most {MAX_TEXTS} texts.")
    return [requests.encodable(one, "input") for one in found]


def _documents(body: Body) -> list[Document]:
    given = body.get("documents")
    if not isinstance(given, list) or len(given) > MAX_DOCUMENTS:
        raise invalid("documents", f"`documents` must be a list of at most {MAX_DOCUMENTS} objects.")
    return [_document(one, f"documents[{place}]") for place, one in enumerate(given)]


def _document(given: Any, where: str) -> Document:
    sentence = f"`{where}` must have `id` and `answer`, both texts, and `questions`, a list of texts."
    if not isinstance(given, dict) or not isinstance(given.get("questions"), list):
        raise ApiError(400, sentence, "invalid_value", where)
    values = [given.get("id"), given.get("answer"), *given["questions"]]
    if not all(isinstance(one, str) for one in values):
        raise ApiError(400, sentence, "invalid_value", where)
    identity, answer, *questions = (requests.encodable(one, where) for one in values)
    return Document(identity, tuple(questions), answer)


def _encode(row: npt.NDArray[np.float32], encoding: str) -> list[float] | str:
    if encoding == "float":
        return [float(value) for value in row]
    return base64.b64encode(np.asarray(row, dtype="<f4").tobytes()).decode("ascii")

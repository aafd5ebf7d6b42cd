"""The ASGI application: routes, error handlers, and the upkeep of loaded adapters."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from engine.serving.backend import Adapter, Backend
from engine.serving.catalog import Catalog
from engine.serving.completions import Service
from engine.serving.errors import ApiError
from engine.serving.fetching import Fetcher, Shelf
from engine.serving.http import (
    ClientGone,
    OnlyLocalNames,
    RequireKey,
    on_api_error,
    on_client_gone,
    on_http_error,
    on_unexpected,
)
from engine.serving.retrieval import RetrievalService, Retriever
from engine.serving.scheduler import Scheduler
from engine.serving.tasks import LoadTask

MAX_WAITING = 32
LOOK_FOR_ADAPTERS_S = 2.0


def create_app(
    backend: Backend,
    catalog: Catalog,
    make_retriever: Callable[[], Retriever],
    key: str | None = None,
    only_local: bool = True,
    fetcher: Fetcher | None = None,
) -> Starlette:
    """The server's application; it takes the backend over and closes it. `only_local`: it listens on loopback."""
    shelf = Shelf(catalog, fetcher)
    scheduler = Scheduler(backend, MAX_WAITING, catalog.reject)
    retrieval = RetrievalService(make_retriever)

    @asynccontextmanager
    async def lifespan(app: Starlette) -> AsyncIterator[None]:
        upkeep = asyncio.create_task(_preload(catalog, backend, scheduler))
        yield
        upkeep.cancel()
        retrieval.close()
        await shelf.close()
        await scheduler.close()
        backend.close()

    return Starlette(
        routes=_routes(Service(shelf, backend, scheduler), Models(shelf), retrieval),
        middleware=_middleware(key, only_local),
        exception_handlers={
            ApiError: on_api_error,
            HTTPException: on_http_error,
            ClientGone: on_client_gone,
            Exception: on_unexpected,
        },
        lifespan=lifespan,
    )


def _middleware(key: str | None, only_local: bool) -> list[Middleware]:
    found = [Middleware(OnlyLocalNames)] if only_local else []
    return [*found, Middleware(RequireKey, key=key)] if key else found


def _routes(service: Service, models: Models, retrieval: RetrievalService) -> list[Route]:
    return [
        Route("/health", health),
        Route("/v1/models", models.list),
        Route("/v1/models/{name:path}", models.one),
        Route("/v1/chat/completions", service.chat, methods=["POST"]),
        Route("/v1/completions", service.complete, methods=["POST"]),
        Route("/v1/score", service.score, methods=["POST"]),
        Route("/v1/embeddings", retrieval.embeddings, methods=["POST"]),
        Route("/v1/rerank", retrieval.rerank, methods=["POST"]),
    ]


class Models:
    """GET /v1/models and /v1/models/{name}."""

    def __init__(self, shelf: Shelf) -> None:
        self._shelf, self._catalog = shelf, shelf.catalog

    async def list(self, request: Request) -> Response:
        found = [self._card(None), *(self._card(one) for one in self._catalog.usable())]
        return JSONResponse({"object": "list", "data": found})

    async def one(self, request: Request) -> Response:
        return JSONResponse(self._card(await self._shelf.find(request.path_params["name"])))

    def _card(self, adapter: Adapter | None) -> dict[str, str | int]:
        name = self._catalog.base_name if adapter is None else adapter.name
        created = self._catalog.created if adapter is None else adapter.created
        return {"id": name, "object": "model", "created": created, "owned_by": "local"}


async def health(request: Request) -> Response:
    """GET /health: the server listens only once the base model is loaded."""
    return JSONResponse({"status": "ok"})


async def _preload(catalog: Catalog, backend: Backend, scheduler: Scheduler) -> None:
    """Load the newest adapters while nothing else is to be done, so that their first request need not wait."""
    seen: set[Adapter] = set()
    while True:
        own = [one for one in catalog.usable() if one.base is None]  # another base model is loaded when it is asked for
        newest = sorted(own, key=lambda one: one.created)[-backend.adapter_capacity :]
        missing = [one for one in newest if one not in seen and not backend.is_loaded(one)]
        if missing and scheduler.idle:
            seen.add(missing[0])
            scheduler.submit(LoadTask(missing[0]))
        await asyncio.sleep(LOOK_FOR_ADAPTERS_S if not missing else LOOK_FOR_ADAPTERS_S / 10)

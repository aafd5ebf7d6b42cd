"""Puts the server together and runs it."""

from __future__ import annotations

import argparse
import logging
import os
import shlex
import socket
from pathlib import Path

import uvicorn

from engine.base_models import BaseModel, resolve
from engine.serving.app import create_app
from engine.serving.backend import Backend
from engine.serving.bases import Bases
from engine.serving.catalog import Catalog
from engine.serving.fetching import Fetcher
from engine.serving.http import LOCAL_NAMES
from engine.serving.lifecycle import Shutdown
from engine.serving.retrieval import Retriever

TRANSFORMERS = "transformers"
KEY_VARIABLE = "ENGINE_TOKEN"
GRACE_S = 1
"""Seconds that running requests have to end after SIGTERM."""


def serve(options: argparse.Namespace, shutdown: Shutdown) -> None:
    """Run until `shutdown`. Raises BaseModelError, OSError or ValueError with a sentence when it cannot begin."""
    key = _read_key(options.api_key_file)
    _refuse_strangers(options.host, key)
    listener = _listen(options.host, options.port)
    base = resolve(options.base_model, options.cache)
    limit = None if options.memory_mb is None else options.memory_mb * 10**6
    backend = Bases(base, options.cache, lambda one: _backend(one, options.threads, options.runtime), limit)
    catalog = Catalog(options.models, base.name, backend.adapter_file, backend.locate)
    fetcher = Fetcher(shlex.split(options.fetch)) if options.fetch else None
    app = create_app(backend, catalog, lambda: _retriever(options.cache), key, _is_local(options.host), fetcher)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=GRACE_S)
    )
    shutdown.stop = lambda: setattr(server, "should_exit", True)
    logging.getLogger(__name__).info("Serving %s on http://%s:%s", base.name, *listener.getsockname()[:2])
    server.run(sockets=[listener])


def _read_key(file: Path | None) -> str | None:
    if file is None:
        return os.environ.get(KEY_VARIABLE) or None
    key = file.read_text(encoding="utf-8").strip()
    if not key:
        raise ValueError(f"The file {file} is empty. Write the API key into it, or leave --api-key-file out.")
    return key


def _is_local(host: str) -> bool:
    return f"[{host}]" in LOCAL_NAMES or host in LOCAL_NAMES


def _refuse_strangers(host: str, key: str | None) -> None:
    if key is None and not _is_local(host):
        raise ValueError(
            f"Others could reach {host}: set {KEY_VARIABLE} or give --api-key-file, or listen on 127.0.0.1."
        )


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything slow is done, so that a port in use is told at once; clients wait until all is loaded."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port.") from error


def _backend(base: BaseModel, threads: int | None, runtime: str) -> Backend:
    """llama.cpp where there is a GGUF, else transformers. Each is imported only when used: torch takes 200 MB.

    transformers by wish, too: it reads texts two to three times as fast, and writes them at a third of the speed.
    """
    # Threads that compute wait for each other thousands of times a second. Spinning for long, GNU OpenMP's way, loses
    # whole time slices when anything else wants the cores: first tokens took 10 s instead of 1 s. Sleeping at once
    # halved the speed of two replies at a time (35 tokens/s together, 85 with some microseconds of spinning).
    os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
    os.environ.setdefault("GOMP_SPINCOUNT", "1000")
    if base.gguf is not None and runtime != TRANSFORMERS:
        from engine.serving.llama import LlamaBackend

        return LlamaBackend(base, threads)
    from engine.serving.torch_backend import TransformersBackend

    return TransformersBackend(base, fastest=runtime == TRANSFORMERS)


def _retriever(cache: Path) -> Retriever:
    from engine.retrieval import Retriever as PersonalRetriever

    return PersonalRetriever(cache)

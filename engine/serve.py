"""The inference server: `python -m engine.serve --host 127.0.0.1 --port N --models DIR --cache DIR`.

It speaks OpenAI's API over the base model and the adapters in DIR; docs/architecture.md has the contract.
"""

from __future__ import annotations

import argparse
import logging
import os
import socket
import sys
from pathlib import Path

import uvicorn

from engine.base_models import DEFAULT_MODEL, BaseModel, BaseModelError, resolve
from engine.serving.app import create_app
from engine.serving.backend import Backend
from engine.serving.catalog import Catalog
from engine.serving.http import LOCAL_NAMES
from engine.serving.lifecycle import block_signals, on_signal
from engine.serving.retrieval import Retriever

GRACE_S = 1
"""Seconds that running requests have to end after SIGTERM."""


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM; 0, or 2 after a sentence on stderr."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    block_signals()
    try:
        key = _read_key(options.api_key_file)
        listener = _listen(options.host, options.port)
        base = resolve(options.base_model, options.cache)
        backend = _backend(base, options.threads)
    except (BaseModelError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    catalog = Catalog(options.models, base.name, backend.adapter_file)
    only_local = f"[{options.host}]" in LOCAL_NAMES or options.host in LOCAL_NAMES
    app = create_app(backend, catalog, lambda: _retriever(options.cache), key, only_local)
    server = uvicorn.Server(
        uvicorn.Config(app, log_level="warning", access_log=False, lifespan="on", timeout_graceful_shutdown=GRACE_S)
    )
    on_signal(lambda: setattr(server, "should_exit", True))
    logging.getLogger(__name__).info("Serving %s on http://%s:%s", base.name, *listener.getsockname()[:2])
    server.run(sockets=[listener])
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes a free one")
    parser.add_argument("--models", type=Path, required=True, help="folder with a folder per trained model")
    parser.add_argument("--cache", type=Path, required=True, help="folder for converted base models")
    parser.add_argument("--base-model", default=DEFAULT_MODEL, help="bundled name, folder or hub name (%(default)s)")
    parser.add_argument("--api-key-file", type=Path, help="file with the bearer key that clients must send")
    parser.add_argument("--threads", type=int, help="threads of a generation (default: half of the cores)")
    return parser


def _read_key(file: Path | None) -> str | None:
    if file is None:
        return None
    key = file.read_text(encoding="utf-8").strip()
    if not key:
        raise ValueError(f"The file {file} is empty. Write the API key into it, or leave --api-key-file out.")
    return key


def _listen(host: str, port: int) -> socket.socket:
    """Bind before anything slow is done, so that a port in use is told at once; clients wait until all is loaded."""
    try:
        return socket.create_server((host, port), family=socket.AF_INET6 if ":" in host else socket.AF_INET)
    except OSError as error:
        raise OSError(f"Cannot listen on {host}:{port}: {error.strerror}. Choose another --port.") from error


def _backend(base: BaseModel, threads: int | None) -> Backend:
    """llama.cpp where there is a GGUF, else transformers. Each is imported only when used: torch takes 200 MB."""
    if base.gguf is not None:
        # llama.cpp's threads wait for each other thousands of times a second. Spinning, GNU OpenMP's way, loses whole
        # time slices when training or anything else wants the cores: first tokens took 10 s instead of 1 s.
        os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
        from engine.serving.llama import LlamaBackend

        return LlamaBackend(base, threads)
    from engine.serving.torch_backend import TransformersBackend

    return TransformersBackend(base)


def _retriever(cache: Path) -> Retriever:
    from engine.retrieval import Retriever as PersonalRetriever

    return PersonalRetriever(cache)


if __name__ == "__main__":
    sys.exit(main())

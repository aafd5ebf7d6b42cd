"""The inference server: `python -m engine.serve --host 127.0.0.1 --port N --models DIR --cache DIR`.

It speaks OpenAI's API over the base model and the adapters in DIR; docs/architecture.md has the contract.
"""

from __future__ import annotations

import argparse
import logging
import sys
from pathlib import Path

from engine.base_models import DEFAULT_MODEL, BaseModelError
from engine.serving.lifecycle import Shutdown


def main(arguments: list[str] | None = None) -> int:
    """Serve until SIGTERM; 0, or 2 after a sentence on stderr."""
    options = _parser().parse_args(arguments)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    shutdown = Shutdown()
    # Imported only now: numpy starts threads at once, and one that does not block the signals would take them.
    from engine.serving.server import serve

    try:
        serve(options, shutdown)
    except (BaseModelError, OSError, ValueError) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m engine.serve", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    parser.add_argument("--port", type=int, required=True, help="port to listen on; 0 takes a free one")
    parser.add_argument("--models", type=Path, required=True, help="folder with a folder per trained model")
    parser.add_argument("--cache", type=Path, required=True, help="folder for converted base models")
    parser.add_argument("--base-model", default=DEFAULT_MODEL, help="bundled name, folder or hub name (%(default)s)")
    parser.add_argument("--api-key-file", type=Path, help="file with the bearer key of clients (or: ENGINE_TOKEN)")
    parser.add_argument("--fetch", metavar="COMMAND", help="a helper that brings models which are not here")
    parser.add_argument("--threads", type=int, help="threads of a generation (default: half of the cores)")
    parser.add_argument(
        "--runtime",
        choices=["auto", "transformers"],
        default="auto",
        help="auto: llama.cpp where there is a GGUF; transformers reads faster and writes slower",
    )
    parser.add_argument(
        "--memory-mb", type=int, help="memory of base models beside --base-model (default: what is free)"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())

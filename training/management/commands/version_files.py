"""`manage.py version_files`: fetches versions for a model server that asks line by line, or follows them all."""

import json
import sys
import threading
import time
from argparse import ArgumentParser
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

from django.core.management.base import BaseCommand
from django.db import close_old_connections

from training.version_serving import Answer, local_clear, version_bring, versions_follow

AT_ONCE = 4
CLEAR_SECONDS = 60.0


class Command(BaseCommand):
    help = (
        "Fetch versions from the store: those named on standard input, or with --follow all that can be chatted with."
    )
    requires_system_checks = ()

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--follow", action="store_true", help="fetch every version that is not archived, for vLLM")
        parser.add_argument("--every", type=float, default=3.0, metavar="SECONDS", help="between two looks of --follow")

    def handle(self, *_: Any, follow: bool, every: float, **__: Any) -> None:
        threading.Thread(target=_clear_now_and_then, daemon=True).start()
        if follow:
            while True:
                versions_follow()
                close_old_connections()
                time.sleep(every)
        with ThreadPoolExecutor(AT_ONCE) as pool:
            for name in _lines():
                pool.submit(_answer, name)


def _lines() -> Iterator[str]:
    """What is asked for, until the server closes its end."""
    for line in sys.stdin:
        if name := line.strip():
            yield name


def _answer(name: str) -> None:
    found: Answer = version_bring(name)
    close_old_connections()
    sys.stdout.write(json.dumps({"name": name, **found}) + "\n")  # one write a line: threads share the stream
    sys.stdout.flush()


def _clear_now_and_then() -> None:
    while True:
        local_clear()
        close_old_connections()
        time.sleep(CLEAR_SECONDS)

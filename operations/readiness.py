"""Whether this installation works: each part asked for itself, for /readyz, the page and the doctor.

A part says whether it is well, and in one sentence what is wrong; a sentence names no address, path, key or person.
"""

from __future__ import annotations

import logging
import os
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from datetime import datetime, timedelta
from pathlib import Path

import httpx2
from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone
from django.utils.translation import gettext_noop as noop

from operations.broker import BrokerError, client
from operations.models import Pulse
from training.storage import StoreAway, has_store, listed

logger = logging.getLogger(__name__)

CANARY = "canary"
CANARY_SECONDS = 60.0
CANARY_LATE = timedelta(seconds=120)
KEPT_SECONDS = 2.0  # a look is shared for this long, so that asking often is no load
ENGINE_SECONDS, STORE_SECONDS = 1.5, 3.0

_process = {"began": time.monotonic()}


@dataclass(frozen=True)
class Part:
    """`seconds`: what it took to find out; `age`: seconds since the canary's last sign of life."""

    ok: bool
    sentence: str = ""
    age: float | None = None
    seconds: float = 0.0

    def as_json(self) -> dict[str, object]:
        return {key: value for key, value in asdict(self).items() if value not in (None, "")}


def database() -> Part:
    """A row is written: a full disk and a read-only database can be read all the same."""
    try:
        Pulse.objects.update_or_create(name="probe", defaults={"at": timezone.now()})
    except Error as error:
        logger.warning("The database cannot be written: %s", type(error).__name__)
        return Part(False, noop("The database cannot be written."))
    return Part(True)


def migrations() -> Part:
    """Whether the tables are as this code wants them. Once they are, they stay so as long as this process lives."""
    if not _applied.is_set():
        try:
            executor = MigrationExecutor(connection)
            if executor.migration_plan(executor.loader.graph.leaf_nodes()):
                return Part(False, noop("The tables are older than the program: run manage.py migrate."))
        except Error:
            return Part(False, noop("The database cannot be asked for its tables."))
        _applied.set()
    return Part(True)


_applied = threading.Event()


def broker() -> Part:
    try:
        client().ping()
    except (BrokerError, OSError):
        return Part(False, noop("The broker (Redis or Valkey) does not answer."))
    return Part(True)


def canary() -> Part:
    """The row that a worker writes each minute because beat told it to; a ping of either would not show the whole way.

    A program that has just started has two minutes before its absence counts.
    """
    try:
        beaten: datetime | None = Pulse.objects.filter(name=CANARY).values_list("at", flat=True).first()
    except Error:
        return Part(False, noop("The database cannot be asked for the canary."))
    age = (timezone.now() - beaten).total_seconds() if beaten else None
    if age is not None and age <= CANARY_LATE.total_seconds():
        return Part(True, age=round(age, 1))
    if time.monotonic() - _process["began"] < CANARY_LATE.total_seconds():
        return Part(True, noop("Just started: the canary may take two minutes."))
    return Part(
        False, noop("No worker did its task of the minute: beat, the broker or the workers stand still."), age=age
    )


def engine() -> Part:
    """Every model server that the settings name."""
    addresses = [*settings.ENGINE_URLS, *getattr(settings, "VLLM_URLS", [])]
    away = sum(not _is_up(address) for address in addresses)
    if not away:
        return Part(True)
    some = f"{away} of {len(addresses)} model servers do not answer."
    return Part(
        away < len(addresses), some if len(addresses) > 1 else noop("The model server does not answer, or loads.")
    )


def _is_up(address: str) -> bool:
    try:
        with httpx2.Client(trust_env=False, timeout=ENGINE_SECONDS) as http:
            return http.get(f"{address}/health").status_code == 200
    except (httpx2.HTTPError, OSError):
        return False


def storage() -> Part:
    """Where versions and files are kept: some bytes are written and taken away."""
    folder: Path = settings.DATA_DIR
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".probe-") as probe:
            probe.write(b"x" * 4096)
            probe.flush()
            os.fsync(probe.fileno())
    except OSError as error:
        return Part(False, f"The storage cannot be written: {error.strerror}.")
    return _store() if has_store() else Part(True)


def _store() -> Part:
    """The store that several machines share: it lists a folder that is not there, within some seconds."""
    try:
        _stores.submit(listed, "probe").result(timeout=STORE_SECONDS)
    except (StoreAway, TimeoutError):
        return Part(False, noop("The store (STORAGE_URL) does not answer, or refuses."))
    return Part(True)


_stores = ThreadPoolExecutor(max_workers=2, thread_name_prefix="store")


PARTS: Mapping[str, Callable[[], Part]] = {
    "database": database,
    "migrations": migrations,
    "storage": storage,
    "broker": broker,
    "canary": canary,
    "engine": engine,
}

_lock = threading.Lock()
_kept: dict[str, tuple[float, Part]] = {}


def parts_get(names: Iterable[str] = PARTS) -> dict[str, Part]:
    """Each part as it was found at most two seconds ago; several that ask at once share one look."""
    with _lock:
        return {name: _part(name) for name in names}


def _part(name: str) -> Part:
    found = _kept.get(name)
    if found is None or time.monotonic() - found[0] > KEPT_SECONDS:
        began = time.perf_counter()
        part = PARTS[name]()
        timed = Part(part.ok, part.sentence, part.age, round(time.perf_counter() - began, 4))
        found = _kept[name] = (time.monotonic(), timed)
    return found[1]


def grace_end() -> None:
    """This process has not just started the site: a missing canary counts."""
    _process["began"] = time.monotonic() - CANARY_LATE.total_seconds()


def forget() -> None:
    """Looks anew the next time."""
    _kept.clear()
    _applied.clear()

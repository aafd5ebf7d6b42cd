"""What the administrator's page shows of the installation: figures and states; of people their names, never a word."""

from __future__ import annotations

import os
import platform
import shutil
import tomllib
from collections import Counter
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import django
from django.conf import settings
from django.contrib.auth.models import User
from django.db import connection
from django.utils import timezone
from django.utils.translation import gettext
from django.utils.translation import gettext_lazy as _

from accounts.people import name_of
from operations.backup import backups_in
from operations.broker import BrokerError, queue_lengths
from operations.readiness import Part, parts_get
from training.hosts import hosts_live
from training.models import Connection, PersonaModel, TrainingRun

TITLES = {
    "database": _("Database"),
    "migrations": _("Tables"),
    "storage": _("Storage"),
    "broker": _("Broker (queues)"),
    "canary": _("Workers (task of the minute)"),
    "engine": _("Model server"),
}
PEOPLE_SHOWN = 50


@dataclass(frozen=True)
class Stored:
    """What a person's trainings and versions take on this machine's disk."""

    name: str
    versions: int
    megabytes: float


def health_get() -> dict[str, Any]:
    """The page's context."""
    parts = parts_get()
    return {
        "is_well": all(part.ok for part in parts.values()),
        "parts": [
            (TITLES[name], part.ok, gettext(part.sentence) if part.sentence else "") for name, part in parts.items()
        ],
        "canary": _seen(parts["canary"]),
        "queues": _queues(),
        "waiting": TrainingRun.objects.filter(state=TrainingRun.State.QUEUED).order_by("created_at").first(),
        "active": _active(),
        "hosts": [(host.name, host.memory_bytes / 1e9) for host in hosts_live()],
        "programs": programs(),
        "free": shutil.disk_usage(settings.DATA_DIR).free / 1e9,
        "backup": _newest_backup(),
        "stored": stored_by_person(),
        "connections": [(row, name_of(row.owner), urlsplit(row.base_url).netloc) for row in _connections()],
    }


def _seen(canary: Part) -> int | None:
    return None if canary.age is None else round(canary.age)


def _queues() -> Mapping[str, int] | None:
    """Messages that wait, by queue, where there are any; None where the broker is away."""
    try:
        return {name: length for name, length in queue_lengths().items() if length}
    except (BrokerError, OSError):
        return None


def _active() -> list[tuple[object, int]]:
    states = TrainingRun.objects.filter(state__in=TrainingRun.ACTIVE).values_list("state", flat=True)
    return [(TrainingRun.State(state).label, count) for state, count in Counter(states).items()]


def _connections() -> Iterable[Connection]:
    return Connection.objects.select_related("owner").order_by("owner_id", "name")


@cache
def programs() -> list[tuple[str, str]]:
    """Names and versions."""
    project = tomllib.loads((Path(settings.BASE_DIR) / "pyproject.toml").read_text("utf-8"))["project"]
    return [
        ("Persona", project["version"]),
        ("Python", platform.python_version()),
        ("Django", django.get_version()),
        (connection.display_name, ".".join(map(str, connection.get_database_version()))),
    ]


def _newest_backup() -> datetime | None:
    place = Path(settings.BACKUP_DIR) if settings.BACKUP_DIR else None
    newest = next(iter(backups_in(place)), None) if place and place.is_dir() else None
    made = newest.stat().st_mtime if newest else None
    return datetime.fromtimestamp(made, timezone.get_current_timezone()) if made else None


def stored_by_person() -> list[Stored]:
    """The largest first. A walk over two folders, however many people there are."""
    owners: dict[str, int] = {}
    for model in (TrainingRun, PersonaModel):
        owners |= {str(key): owner for key, owner in model.objects.values_list("pk", "owner_id")}
    sizes: Counter[int] = Counter()
    for place in (settings.RUNS_DIR, settings.MODELS_DIR):
        for name, size in _sizes(Path(place)):
            if name in owners:
                sizes[owners[name]] += size
    versions = Counter(PersonaModel.objects.values_list("owner_id", flat=True))
    people = {user.pk: user for user in User.objects.filter(pk__in=[*sizes, *versions])}
    rows = [Stored(name_of(people[key]), versions[key], sizes[key] / 1e6) for key in people]
    return sorted(rows, key=lambda row: -row.megabytes)[:PEOPLE_SHOWN]


def _sizes(place: Path) -> Iterable[tuple[str, int]]:
    """Folder below `place` -> bytes of all its files."""
    if not place.is_dir():
        return
    for folder in place.iterdir():
        files = (Path(top) / name for top, _folders, names in os.walk(folder) for name in names)
        yield folder.name, sum(path.lstat().st_size for path in files if path.exists())

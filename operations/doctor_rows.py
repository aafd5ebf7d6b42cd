"""What the doctor looks at in the database, and whether files, leases and keys are as the rows say."""

from __future__ import annotations

import re
import sqlite3
import time
import uuid
from collections.abc import Callable, ItemsView, Iterator
from datetime import timedelta
from functools import partial
from pathlib import Path
from typing import Any

from django.conf import settings
from django.db import Error, connection
from django.db.migrations.executor import MigrationExecutor
from django.utils import timezone

from chat.models import TelegramBot, TranslationSetup
from operations.backup import backup_is_due, backups_in
from operations.doctor_machine import site_answers
from operations.findings import Finding, look, well, wrong
from operations.readiness import PARTS, grace_end, parts_get
from training.models import Connection, PersonaModel, TrainingRun
from training.sealing import is_readable
from training.storage import has_store
from training.sweeping import run_sweep
from training.version_files import manifest_of

LEAST_SQLITE = (3, 37)  # of STRICT tables and RETURNING, which Django uses
SKEW_SECONDS = 5.0
LEASE_OVER = timedelta(seconds=60)
ORPHAN_SECONDS = 3600.0  # a younger folder may be on its way to its row
MENDS = {
    "broker": "Start it (make run does), or mend REDIS_URL.",
    "canary": "See the log of the io worker; make run starts it with beat.",
    "engine": "See the log of the model server; while it loads a model it does not answer.",
    "storage": "Make room, and let the program's user write there.",
    "database": "See its log; on SQLite, free the disk.",
}
_TOKEN = re.compile(r"\d{6,}:[A-Za-z0-9_-]{30,}", re.ASCII)


def database() -> Iterator[Finding]:
    """Versions and health of SQLite, or whether PostgreSQL's clock is this machine's."""
    if connection.vendor != "sqlite":
        yield from _clock()
        return
    if sqlite3.sqlite_version_info < LEAST_SQLITE:
        yield wrong("database", f"SQLite {sqlite3.sqlite_version} is too old.", "Install a Python with a newer one.")
    with connection.cursor() as cursor:
        verdict = cursor.execute("PRAGMA quick_check(5)").fetchall()
    if verdict != [("ok",)]:
        yield wrong("database", f"SQLite finds damage in {len(verdict)} places.", "Restore the newest backup.")
    else:
        yield well("database", f"SQLite {sqlite3.sqlite_version}, whole.")


def _clock() -> Iterator[Finding]:
    with connection.cursor() as cursor:
        cursor.execute("SELECT extract(epoch FROM clock_timestamp())")
        skew = abs(time.time() - float(cursor.fetchone()[0]))
    if skew > SKEW_SECONDS:
        yield wrong("clock", f"This machine's clock and the database's differ by {skew:.0f} s.",
                    "Let both follow one time server: leases are counted in seconds.")  # fmt: skip
    else:
        yield well("database", "It answers, and its clock is this machine's.")


def migrations() -> Iterator[Finding]:
    executor = MigrationExecutor(connection)
    plan = executor.migration_plan(executor.loader.graph.leaf_nodes())
    if plan:
        names = ", ".join(f"{migration.app_label}.{migration.name}" for migration, _back in plan[:3])
        yield wrong("tables", f"{len(plan)} migrations are not applied: {names}.",
                    "Make a backup, then run manage.py migrate (docs/upgrading.md).")  # fmt: skip
    else:
        yield well("tables", "As this program wants them.")


def parts() -> Iterator[Finding]:
    """What /readyz looks at, with the way to mend it. Of a site that is not started only what is there without it."""
    asleep = {"broker", "canary", "engine"} if not settings.REDIS_URL and not site_answers() else set()
    if asleep:
        yield look("site", "It does not run now: broker, workers and model server were not looked at.",
                   "Start it (make run) and ask again.")  # fmt: skip
    grace_end()
    for name, part in parts_get(each for each in PARTS if each not in {"migrations", *asleep}).items():
        title = "writing" if name == "database" else name
        if part.ok:
            yield well(title, part.sentence or "It works.")
        else:
            yield wrong(title, part.sentence, MENDS[name])


def orphans() -> Iterator[Finding]:
    """Folders of runs and versions that no row speaks of: left by a restored backup, or by a crash."""
    found = [*_orphans(settings.RUNS_DIR, TrainingRun), *_orphans(settings.MODELS_DIR, PersonaModel)]
    if not found:
        yield well("folders", "Each folder of a run or a version has its row.")
        return
    yield look("folders", f"{len(found)} folders belong to no run and no version.",
               "They may go; --mend puts them aside, into DATA_DIR/orphans.", partial(_put_aside, found))  # fmt: skip


def _orphans(place: Path, model: type[TrainingRun] | type[PersonaModel]) -> list[Path]:
    if not place.is_dir():
        return []
    known = {str(key) for key in model.objects.values_list("pk", flat=True)}
    old = time.time() - ORPHAN_SECONDS
    return [path for path in place.iterdir() if _is_id(path.name) and path.name not in known
            and path.stat().st_mtime < old]  # fmt: skip


def _is_id(name: str) -> bool:
    try:
        return str(uuid.UUID(name)) == name
    except ValueError:
        return False


def _put_aside(found: list[Path]) -> str:
    for path in found:
        target = settings.DATA_DIR / "orphans" / path.parent.name
        target.mkdir(parents=True, exist_ok=True, mode=0o700)
        path.rename(target / path.name)
    return f"{len(found)} folders are in DATA_DIR/orphans."


def versions() -> Iterator[Finding]:
    """Files of each version that is served here: there, and with the bytes that the row says."""
    rows = list(PersonaModel.objects.filter(connection=None, remote_model=""))
    missing = [row for row in rows if not row.folder.is_dir() and not has_store()]
    other = [row for row in rows if row.folder.is_dir() and row.files and not row.files.items() <= _found(row)]
    if missing:
        yield wrong("versions", f"{len(missing)} versions have no files: {_keys(missing)}.",
                    "Bring DATA_DIR/models back from a backup, or delete these versions.")  # fmt: skip
    if other:
        yield wrong("versions", f"{len(other)} versions have other bytes than when they were made: {_keys(other)}.",
                    "Bring their folders back from a backup, or train anew.")  # fmt: skip
    if not (missing or other):
        yield well("versions", f"All {len(rows)} versions have their files.")


def _found(row: PersonaModel) -> ItemsView[str, dict[str, Any]]:
    return manifest_of(row.folder).items()


def _keys(rows: list[PersonaModel]) -> str:
    return ", ".join(str(row.pk) for row in rows[:5]) + ("…" if len(rows) > 5 else "")


def leases() -> Iterator[Finding]:
    """Runs whose worker is gone and that no sweep freed."""
    stale = TrainingRun.objects.filter(
        state__in=TrainingRun.ACTIVE, lease_until__lt=timezone.now() - LEASE_OVER
    ).count()
    if stale:
        yield wrong("leases", f"{stale} trainings are held by workers that are gone.",
                    "Start the io worker, whose sweep frees them; --mend does it once.", _free)  # fmt: skip
    else:
        yield well("leases", "No training is held by a worker that is gone.")


def _free() -> str:
    run_sweep()
    return "They are free for the next worker."


def keys() -> Iterator[Finding]:
    """Whether this installation can open the keys of other services that it keeps, and whether they worked."""
    rows = list(Connection.objects.all())
    sealed = [row.sealed_key for row in rows] + [row.sealed_webhook_secret for row in rows]
    sealed += list(TranslationSetup.objects.values_list("sealed_key", flat=True))
    shut = sum(not is_readable(text) for text in sealed if text)
    if shut:
        yield wrong("keys", f"{shut} keys of other services were sealed with another secret.",
                    "Bring DATA_DIR/secrets/keys (or SEALING_KEY) back, or enter these keys again.")  # fmt: skip
    failing = sum(bool(row.tested_at) and not row.test_result.get("ok") for row in rows)
    if failing:
        yield look("connections", f"{failing} of {len(rows)} connections failed their last test.",
                   "Open them and test again; each page says why.")  # fmt: skip
    if not (shut or failing):
        yield well("keys", f"{len(rows)} connections; all keys can be opened.")


def telegram() -> Iterator[Finding]:
    """The token's form, and what the bot's process heard last."""
    if not settings.TELEGRAM_TOKEN:
        return
    if not _TOKEN.fullmatch(settings.TELEGRAM_TOKEN):
        yield wrong("telegram", "TELEGRAM_TOKEN does not look like one.", "Copy it whole from @BotFather.")
        return
    bot = TelegramBot.objects.order_by("-seen_at").first()
    if bot and bot.trouble:
        yield look("telegram", "The bot told of a trouble.", "The page of the bot says which.")
    else:
        yield well("telegram", "A token is set." if bot is None else "The bot was heard.")


def backups() -> Iterator[Finding]:
    if not settings.BACKUP_DIR:
        yield look("backups", "BACKUP_DIR is not set: no daily backup is made.", "Set it (docs/backup.md).")
        return
    place = Path(settings.BACKUP_DIR)
    if not place.is_dir() or backup_is_due(place):
        yield look("backups", "The newest backup is older than a day.", "Run manage.py backup, and see the io log.")
    else:
        yield well("backups", f"{len(backups_in(place))}, the newest of today.")


def asked(look_at: Callable[[], Iterator[Finding]]) -> list[Finding]:
    """Its findings; a database that cannot be asked is one."""
    try:
        return list(look_at())
    except Error as error:
        return [wrong(look_at.__name__, f"The database cannot be asked: {type(error).__name__}.",
                      "See the findings above; run manage.py migrate if tables are missing.")]  # fmt: skip

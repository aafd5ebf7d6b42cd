"""Carries an erasure out, step by step. Each step finds out what is done already, so a lost worker costs nothing:

stop        trainings, reports and archives of the scope end; whoever works on them has half a minute
elsewhere   files and models at providers are deleted; one that is away is asked again, then what is left is listed
here        rows and files go, then the account, then what the database file still holds of them
"""

from __future__ import annotations

import logging
import shutil
import sqlite3
from collections.abc import Callable, Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any, cast
from uuid import UUID

from django.contrib.auth.models import User
from django.db import DatabaseError, connection, transaction
from django.db.models import Model
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from chat.models import Message
from fidelity.models import Report, ReportItem
from privacy.archives import archive_cancel
from privacy.erasing_elsewhere import elsewhere_delete
from privacy.erasure_scope import Scope, size_of
from privacy.erasures import RECEIPT_KEPT, sessions_end
from privacy.jobs import JobClaim, LeaseLost, Stopped, job_claim
from privacy.models import ArchiveJob, Erasure
from privacy.receipts import FORMAT, Receipt
from questionnaires.models import Answer, AnswerRevision
from questionnaires.services import persona_delete
from training.models import RunEvent
from training.services import run_cancel
from training.storage import forget, has_store
from training.sweeping import end_cancelled

logger = logging.getLogger(__name__)

STOP_LOOK_SECONDS, STOP_LOOKS = 3.0, 10
SCRUB_LEASE = timedelta(minutes=15)  # longer than a large file takes to be written anew
CHUNK = 500
BIG: tuple[type[Model], ...] = (RunEvent, ReportItem, Message, AnswerRevision, Answer)  # deleted piece by piece
STATES = Erasure.State


def never() -> bool:
    return False


def erasure_execute(*, job_id: UUID, should_stop: Callable[[], bool] = never) -> float | None:
    """Works on it. In how many seconds it wants to go on, or None if it does not."""
    claim = job_claim(Erasure, job_id)
    if claim is None:
        return None
    try:
        again = _Work(claim, should_stop).run()
    except LeaseLost:
        logger.info("Erasure %s is worked on by somebody else", job_id)
        return None
    except Stopped:
        claim.put_back(state=STATES.QUEUED)
        return None
    if again is not None:
        claim.put_back(seconds=again, state=STATES.QUEUED)
    return again


class _Work:
    """One look at the erasure."""

    def __init__(self, claim: JobClaim, should_stop: Callable[[], bool]) -> None:
        self.claim, self.should_stop = claim, should_stop
        self.erasure = cast(Erasure, claim.row)
        self.scope = Scope(User.objects.filter(pk=self.erasure.account).first(), self.erasure.persona)
        self.receipt = cast(Receipt, {**_begun(self.erasure), **self.erasure.receipt})

    def run(self) -> float | None:
        steps: list[tuple[str, Callable[[], float | None]]] = [
            ("stop", self._stop),
            ("elsewhere", self._elsewhere),
            ("here", self._here),
        ]
        for name, step in steps:
            if name in self.receipt["steps"]:
                continue
            if self.should_stop():
                raise Stopped
            if (again := step()) is not None:
                return again
            self.receipt["steps"].append(name)
            self._note()
        self._finish()
        return None

    def _note(self) -> None:
        done = len(self.receipt["steps"])
        self.claim.write(receipt=dict(self.receipt), progress={"done": done, "total": 3, "what": ""})
        self.claim.beat(done, 3)

    def _stop(self) -> float | None:
        """What is under way is told to end; what does not hear is ended here."""
        active = [run for run in self.scope.runs if run.is_active]
        looks = int(self.erasure.kept.get("looks", 0))
        if not looks:
            self.receipt["runs_stopped"] = len(active)
            self._note()
            for run in active:
                run_cancel(run=run)
            Report.objects.filter(persona__in=self.scope.personas).update(cancel_requested=True)
            self._stop_archives()
        active = [run for run in self.scope.runs if run.is_active]
        if active and looks < STOP_LOOKS:
            self.claim.write(kept={**self.erasure.kept, "looks": looks + 1})
            return STOP_LOOK_SECONDS
        return None

    def _stop_archives(self) -> None:
        if self.erasure.scope == Erasure.Scope.ACCOUNT:
            for job in ArchiveJob.objects.filter(owner=self.scope.owner, state__in=ArchiveJob.ACTIVE):
                archive_cancel(job=job)

    def _elsewhere(self) -> float | None:
        return elsewhere_delete(self.claim, self.scope, self.receipt)

    def _here(self) -> None:
        """Rows and files. Counted before the first goes, so that a second look does not count less."""
        if not self.receipt["rows"]:
            sizes = [size_of(folder) for folder in self.scope.folders()]
            self.receipt["rows"] = self.scope.counts()
            self.receipt["files"], self.receipt["bytes"] = sum(n for n, _b in sizes), sum(b for _n, b in sizes)
            self.receipt["telegram_links"] = self.scope.telegram().count()
            self._note()
        end_cancelled(self.scope.runs.filter(state__in=self.scope.runs.model.ACTIVE))
        folders = self.scope.folders()
        self.scope.telegram_updates().update(payload={}, done_at=timezone.now())
        for _folder in self._rows_delete():
            self.claim.beat(2, 3)
        for folder in folders:
            _remove(folder)
        self._account_delete()

    def _rows_delete(self) -> Iterator[None]:
        for model in BIG:
            keys = list(self.scope.rows_of(model).values_list("pk", flat=True))
            for start in range(0, len(keys), CHUNK):
                model._base_manager.filter(pk__in=keys[start : start + CHUNK]).delete()
                yield
        for persona in list(self.scope.personas):
            persona_delete(persona=persona)
            yield

    def _account_delete(self) -> None:
        owner = self.scope.owner
        if self.erasure.scope == Erasure.Scope.PERSONA or owner is None:
            return
        with transaction.atomic():
            for _label, rows in self.scope.tables():
                rows.delete()
            if not self.erasure.stays_open:
                self.receipt["sessions"] += sessions_end(owner)
                owner.delete()

    def _finish(self) -> None:
        """The file of the database, the words on the receipt, and the end."""
        self.claim.renew(SCRUB_LEASE)
        self.receipt["database_rewritten"] = database_scrub()
        self.receipt["finished_at"] = timezone.now().isoformat()
        self.receipt["notes"] = _notes(self.receipt)
        kept = timezone.now() + RECEIPT_KEPT
        self.claim.end(STATES.DONE, receipt=dict(self.receipt), expires_at=kept, kept={})
        audit_record(action=f"{self.erasure.scope}-erased", target=f"erasure:{self.erasure.pk}")


def _begun(erasure: Erasure) -> Receipt:
    return {
        "format": FORMAT,
        "format_version": 1,
        "scope": erasure.scope,
        "asked_at": erasure.created_at.isoformat(),
        "rows": {},
        "files": 0,
        "bytes": 0,
        "runs_stopped": 0,
        "deleted_elsewhere": {},
        "left_elsewhere": [],
        "telegram_links": 0,
        "sessions": 0,
        "steps": [],
        "database_rewritten": None,
        "notes": [],
    }


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)
    forget(path)


def database_scrub() -> bool | None:
    """Whether nothing of deleted rows is left in the database's file and log; None for a server, which reuses the
    room of deleted rows by itself."""
    scrub: Any = getattr(connection, "scrub", None)
    if scrub is None:
        return None
    try:
        return bool(scrub())
    except (DatabaseError, sqlite3.Error) as error:
        logger.warning("The database file was not rewritten (%s)", type(error).__name__)
        return False


def _notes(receipt: Receipt) -> list[str]:
    notes = []
    if receipt["database_rewritten"] is None:
        notes.append(_("The database server writes over the room of deleted rows in its own time."))
    elif not receipt["database_rewritten"]:
        notes.append(_("The database file is rewritten with the next erasure; until then it may hold deleted pages."))
    if receipt["telegram_links"]:
        notes.append(_("What was said in Telegram is still in Telegram: delete the chat with the bot there."))
    if has_store():
        notes.append(_("Other machines of this site may keep copies of weights and rows until they are cleared."))
    notes.append(_("Backups that were made before still hold it until they are thrown away."))
    return notes

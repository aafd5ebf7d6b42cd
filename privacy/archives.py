"""Archives of everything that a person has: asked for, made by a worker, kept for a week, and brought in elsewhere."""

from __future__ import annotations

import errno
import logging
import secrets
import shutil
import time
from collections.abc import Callable
from contextlib import suppress
from datetime import timedelta
from pathlib import Path
from uuid import UUID

from django.contrib.auth.models import User
from django.db import IntegrityError, transaction
from django.db.models import F
from django.utils import timezone
from django.utils.translation import gettext as _

from accounts.audit import audit_record
from privacy.archive_bringing import archive_bring
from privacy.archive_reading import ArchiveRefused
from privacy.archive_writing import Written, archive_write
from privacy.jobs import Cancelled, JobClaim, LeaseLost, Stopped, job_claim
from privacy.models import ArchiveJob
from training.providers.base import Transient
from training.storage import Damaged, digest_of, fetch, forget, has_store, key_of, share

logger = logging.getLogger(__name__)

KEPT = timedelta(days=7)
AGAIN_SECONDS = 60.0
WAITS_SECONDS = 24 * 3600.0  # between the look at an archive and the word to bring it in
IMPORT_LEASE = timedelta(minutes=6)  # longer than the engine may take to read one adapter
State, Kind = ArchiveJob.State, ArchiveJob.Kind


def never() -> bool:
    return False


def archive_ask(*, owner: User) -> tuple[ArchiveJob, bool]:
    """A queued archive, or the job that is under way already; whether it was made now. The caller rings."""
    return _job(ArchiveJob(owner=owner, kind=Kind.EXPORT), "archive-asked")


def import_ask(*, owner: User, upload: Path) -> tuple[ArchiveJob, bool]:
    """Takes a checked file over and queues its import. The caller rings."""
    job = ArchiveJob(owner=owner, kind=Kind.IMPORT)
    job.file.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    upload.replace(job.file)
    found, is_new = _job(job, "archive-import-asked")
    if not is_new:
        job.file.replace(upload)
    elif has_store():  # the worker may be another machine
        share(job.file)
    return found, is_new


def _job(job: ArchiveJob, action: str) -> tuple[ArchiveJob, bool]:
    try:
        with transaction.atomic():
            job.save(force_insert=True)
            audit_record(action=action, actor=job.owner, target=f"archive:{job.pk}")
    except IntegrityError:  # the other half of a double click was faster
        if active := ArchiveJob.objects.filter(owner=job.owner, state__in=ArchiveJob.ACTIVE).first():
            return active, False
        raise
    return job, True


def archive_cancel(*, job: ArchiveJob) -> None:
    """Ends at once what nobody works on; otherwise the worker ends it within a second or two."""
    rows = ArchiveJob.objects.filter(pk=job.pk, state__in=ArchiveJob.ACTIVE)
    ended = rows.filter(lease_until=None).update(
        state=State.CANCELLED, cancel_requested=True, fence=F("fence") + 1, finished_at=timezone.now()
    )
    if ended:
        _forget(job)
    else:
        rows.update(cancel_requested=True)


def archive_delete(*, job: ArchiveJob) -> None:
    """The file and its row go now instead of in a week."""
    archive_cancel(job=job)
    if ArchiveJob.objects.filter(pk=job.pk, state__in=[State.DONE, State.FAILED, State.CANCELLED]).delete()[0]:
        _forget(job)


def _forget(job: ArchiveJob) -> None:
    """The file goes, here and from the store."""
    job.file.unlink(missing_ok=True)
    forget(job.file)


def archive_fetch(*, job: ArchiveJob) -> tuple[Path, bool] | None:
    """Where the finished file is, and whether that is a copy to be thrown away after use; None if it is gone.

    Raises StoreAway, Damaged.
    """
    if job.file.is_file():
        return job.file, False
    copy = job.file.with_name(f"{job.pk}-{secrets.token_hex(4)}.copy")
    return (copy, True) if fetch(copy, job.sha256, key_of(job.file)) else None


def archives_expire() -> int:
    """Files whose week is over go, with their rows; how many they were."""
    old = list(ArchiveJob.objects.filter(expires_at__lt=timezone.now()).exclude(state__in=ArchiveJob.ACTIVE))
    for job in old:
        archive_delete(job=job)
    return len(old)


def archive_execute(*, job_id: UUID, should_stop: Callable[[], bool] = never) -> None:
    """Makes the archive, or brings it in. Begun anew by the next worker where this one is lost: nothing appears before
    all of it is there."""
    claim = job_claim(ArchiveJob, job_id)
    if claim is None:
        return
    try:
        _work(claim, should_stop)
    except LeaseLost:
        logger.info("Archive %s is worked on by somebody else, or deleted", job_id)
        if not ArchiveJob.objects.filter(pk=job_id).exists():
            _forget(_archive(claim))
    except Stopped:
        claim.put_back(state=State.QUEUED)
    except Cancelled:
        _forget(_archive(claim))
        claim.end(State.CANCELLED)
    except ArchiveRefused as refused:
        _forget(_archive(claim))
        claim.end(State.FAILED, error=str(refused))
    except Transient as away:  # the store of the site does not answer
        claim.put_back(seconds=AGAIN_SECONDS, state=State.QUEUED, error=str(away))
    except Damaged as damaged:
        claim.end(State.FAILED, error=str(damaged))
    except OSError as error:
        if error.errno not in {errno.ENOSPC, errno.EDQUOT}:
            raise
        claim.end(State.FAILED, error=_("The disk is full. Make room and try again."))


def _work(claim: JobClaim, should_stop: Callable[[], bool]) -> None:
    job = _archive(claim)

    def beat(done: int, total: int, what: str) -> None:
        if should_stop():
            raise Stopped
        claim.beat(done, total, what)

    if job.kind == Kind.EXPORT:
        written = archive_write(owner=job.owner, target=job.file, beat=beat)
        _finish(claim, written)
        return
    claim.renew(IMPORT_LEASE)
    fetch(job.file)
    brought = archive_bring(path=job.file, owner=job.owner, beat=beat)
    claim.end(State.DONE, counts=brought.counts, left_out=brought.left_out, expires_at=timezone.now() + KEPT)
    _forget(job)
    audit_record(action="archive-imported", actor=job.owner, target=f"archive:{job.pk}")


def _finish(claim: JobClaim, written: Written) -> None:
    file = _archive(claim).file
    share(file, tick=lambda: claim.beat(1, 1))
    claim.end(
        State.DONE,
        counts=written.counts,
        size=file.stat().st_size,
        sha256=digest_of(file),
        expires_at=timezone.now() + KEPT,
    )


def _archive(claim: JobClaim) -> ArchiveJob:
    assert isinstance(claim.row, ArchiveJob)  # noqa: S101, what was claimed
    return claim.row


def leftovers_remove() -> None:
    """Files that no row knows: of a worker that was killed, of an account that is gone, of an import not confirmed."""
    folder = ArchiveJob().file.parent
    known = {str(key) for key in ArchiveJob.objects.values_list("pk", flat=True)}
    old = time.time() - WAITS_SECONDS
    for path in folder.iterdir() if folder.is_dir() else ():
        with suppress(FileNotFoundError):
            is_lost = path.suffix == ".zip" and not path.name.startswith("checked-") and path.stem not in known
            if is_lost or (path.stat().st_mtime < old and path.stem not in known):
                shutil.rmtree(path) if path.is_dir() else path.unlink()

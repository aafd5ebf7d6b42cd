"""What trainings take of a person's limits: promised when they are started, settled when they have ended.

A run that is deleted was paid all the same: its promise stays as it is.
"""

from __future__ import annotations

from pathlib import Path
from uuid import UUID

from django.db.models import Sum

from accounts.quotas import Kind, limit_of, quota_check, quota_take, references_open, usage_of_reference, usage_settle
from training.jobs import may_have_remote_job
from training.models import LOCAL, PersonaModel, TrainingRun, UploadedFile

PREFIX = "run:"
LEAST_MINUTES = 0.1  # promised where nobody knows how long it takes


def run_charge(*, run: TrainingRun) -> None:
    """Counts a training that is being started. QuotaExceeded where a limit is reached."""
    if limit_of(user=run.owner_id, kind=Kind.STORAGE_MB) is not None:
        quota_check(user=run.owner_id, kind=Kind.STORAGE_MB, amount=0, used=storage_megabytes(owner_id=run.owner_id))
    quota_take(user=run.owner_id, amounts=_promise(run), reference=f"{PREFIX}{run.pk}")


def _promise(run: TrainingRun) -> dict[str, float]:
    """The upper end of what was foretold."""
    if run.provider == LOCAL:
        minutes = (run.estimate.get("seconds") or [0.0])[-1] / 60
        return {Kind.TRAININGS: 1, Kind.TRAINING_MINUTES: max(LEAST_MINUTES, minutes)}
    dollars = (run.estimate.get("money") or [0.0])[-1]
    return {Kind.TRAININGS: 1, Kind.MONEY_A_DAY: dollars, Kind.MONEY_A_MONTH: dollars}


def charges_settle() -> int:
    """Puts what ended trainings really took in place of what was promised; how many were settled."""
    settled = 0
    for reference in references_open(prefix=PREFIX):
        run = TrainingRun.objects.filter(pk=UUID(reference.removeprefix(PREFIX))).first()
        if run is None or not run.is_active:
            usage_settle(reference=reference, amounts=_taken(run, reference) if run else {})
            settled += 1
    return settled


def _taken(run: TrainingRun, reference: str) -> dict[str, float]:
    """Less than was promised, or the same: a run that rested took no longer for that."""
    if run.provider == LOCAL:
        promised = usage_of_reference(reference=reference, kind=Kind.TRAINING_MINUTES)
        minutes = (run.seconds or 0.0) / 60
        return {Kind.TRAINING_MINUTES: minutes if promised <= LEAST_MINUTES else min(promised, minutes)}
    cost = run.remote.get("cost")
    if isinstance(cost, int | float):
        return {Kind.MONEY_A_DAY: float(cost)}
    return {} if may_have_remote_job(run) else {Kind.MONEY_A_DAY: 0.0}


def storage_megabytes(*, owner_id: int) -> float:
    """What a person's trainings, versions and files for trainings take on this computer's disk, in MB."""
    rows = [*TrainingRun.objects.filter(owner=owner_id), *PersonaModel.objects.filter(owner=owner_id)]
    brought = UploadedFile.objects.filter(owner=owner_id).aggregate(sum=Sum("size"))["sum"] or 0
    return (sum(_bytes(row.folder) for row in rows) + brought) / 1e6


def upload_charge(*, owner_id: int, size: int) -> None:
    """QuotaExceeded where a file of `size` bytes would be more than the person may keep here."""
    if limit_of(user=owner_id, kind=Kind.STORAGE_MB) is not None:
        used = storage_megabytes(owner_id=owner_id)
        quota_check(user=owner_id, kind=Kind.STORAGE_MB, amount=size / 1e6, used=used)


def _bytes(folder: Path) -> int:
    """Of all files below; one that goes meanwhile counts nothing."""
    total = 0
    for path in folder.rglob("*"):
        try:
            total += path.lstat().st_size
        except FileNotFoundError:
            continue
    return total

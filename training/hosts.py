"""Machines that train: what each can carry, which queues it listens to, and where a run belongs.

A run's queue follows from the memory that its base model needs at least: `train` for what every machine can carry,
`train-N` for more, N in GB. A machine listens to all queues up to its own limit, and announces that in a row, so that a
run which nobody can carry says so instead of waiting without a word.
"""

from collections.abc import Sequence
from datetime import timedelta

from django.conf import settings
from django.db import DatabaseError
from django.utils import timezone
from django.utils.translation import gettext as _

from engine.catalogue import entry_named
from engine.memory import fitted, machine_memory, training_bytes
from engine.recipes import Recipe
from training.models import LOCAL, TrainingHost, TrainingRun

QUEUE = "train"
COMMON_GB = 4  # what every machine that trains can carry
# Steps of memory: finer where many machines are.
STEPS_GB = (*range(5, 17), *range(18, 33, 2), *range(36, 65, 4), *range(80, 257, 16), 384, 512, 768, 1024)
ANNOUNCE_SECONDS = 20.0
FORGOTTEN = timedelta(days=7)  # machines with names of a day
FRESH = timedelta(seconds=3 * ANNOUNCE_SECONDS)


def memory_here() -> int:
    """Bytes that a training may use on this machine."""
    return min(int(settings.TRAINING_MEMORY_GB * 1e9), machine_memory().limit)


def queues_of(memory_bytes: int) -> list[str]:
    """The queues of a machine whose trainings may use so much."""
    return [QUEUE, *(f"{QUEUE}-{step}" for step in STEPS_GB if step * 1e9 <= memory_bytes)]


def memory_needed(base_model: str) -> int | None:
    """Bytes that a training of this model takes at least, its parts made small; None where its shape is not known."""
    shape = entry_named(base_model).shape
    return None if shape is None else training_bytes(shape, fitted(shape, Recipe(), 0))


def queue_of(run: TrainingRun, hosts: Sequence[TrainingHost] | None = None) -> str:
    """Where a run here rings: the queue of the next step of memory, or of the largest machine that can carry it."""
    needed = memory_needed(run.base_model) or 0
    queue = next((f"{QUEUE}-{step}" for step in STEPS_GB if step * 1e9 >= needed), f"{QUEUE}-{STEPS_GB[-1]}")
    queue = QUEUE if needed <= COMMON_GB * 1e9 else queue
    live = hosts_live() if hosts is None else hosts
    able = [host for host in live if host.memory_bytes >= needed]
    if able and not any(queue in host.queues for host in able):
        return str(max(able, key=lambda host: host.memory_bytes).queues[-1])  # between two steps
    return queue


def hosts_live() -> list[TrainingHost]:
    """Machines whose worker announced itself within the last minute."""
    return list(TrainingHost.objects.filter(seen_at__gt=timezone.now() - FRESH))


def another_can(memory_bytes: int) -> bool:
    """Whether a machine other than this one offers a training so much."""
    return any(host.memory_bytes >= memory_bytes for host in hosts_live() if host.name != settings.HOST_NAME)


def host_announce() -> bool:
    """Notes that this machine's worker listens, and to what; False where the database is away."""
    memory = memory_here()
    try:
        TrainingHost.objects.update_or_create(
            name=settings.HOST_NAME[:100],
            defaults={"memory_bytes": memory, "queues": queues_of(memory), "seen_at": timezone.now()},
        )
        TrainingHost.objects.filter(seen_at__lt=timezone.now() - FORGOTTEN).delete()
    except DatabaseError:
        return False
    return True


def nobody_serves(run: TrainingRun) -> str:
    """Why a queued run here waits for nobody, as a sentence; empty where a machine listens."""
    if run.provider != LOCAL or run.state != TrainingRun.State.QUEUED:
        return ""
    if not TrainingHost.objects.exists():  # none ever announced itself: nothing is known
        return ""
    hosts = hosts_live()
    if not hosts:
        return _("No machine that trains is there now. The training begins as soon as one is.")
    if queue_of(run, hosts) in {queue for host in hosts for queue in host.queues}:
        return ""
    return _(
        "No machine here has the memory for this base model (about %(needed)s; the largest offers %(most)s). It waits "
        "for one; or cancel it and choose a smaller model, or a provider."
    ) % {"needed": _gb(memory_needed(run.base_model) or 0), "most": _gb(max(host.memory_bytes for host in hosts))}


def _gb(size: int) -> str:
    return _("%(n).1f GB") % {"n": size / 1e9}

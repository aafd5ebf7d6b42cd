"""A worker that was stopped for longer than its lease, and trainings that want more memory than there is."""

import json
import signal

from scripts.faults.people import persona, reaches, run_here
from scripts.faults.site import Site, send, wait_for
from training.models import PersonaModel, RunEvent, TrainingRun

TUNING = {"sweep": 2}
SLOW = json.dumps({"steps": 400, "seconds": 0.05})
PATIENCE = 120.0  # seconds; machines differ
LARGE_BYTES, LIMIT_GB = 400_000_000, "0.3"


def stop_past_the_lease(site: Site) -> bool:
    """The first worker is stopped with its trainer; when a second one has the run, it wakes up and wants to write."""
    site.start_worker("io", tuning=TUNING)
    site.start_beat(tuning=TUNING)
    first = site.start_worker("train", tuning=TUNING, fake=SLOW)
    run = run_here(persona("Stopped"))
    wait_for(lambda: RunEvent.objects.filter(run=run, kind="step").count() > 20, PATIENCE)
    send(first, signal.SIGSTOP)
    run.refresh_from_db()
    old = run.fence
    site.start_worker("train", tuning=TUNING, fake=json.dumps({"steps": 60}))
    # Two more: the sweep takes it away, the second worker takes it.
    wait_for(lambda: TrainingRun.objects.filter(pk=run.pk, fence__gt=old + 1).exists(), PATIENCE)
    send(first, signal.SIGCONT)
    refused = wait_for(lambda: "somebody else's" in (site.folder / "train.log").read_text(), PATIENCE)
    ready = reaches(run, {"ready"}, PATIENCE)
    numbers = list(RunEvent.objects.filter(run=run).values_list("number", flat=True))
    versions = PersonaModel.objects.filter(run=run).count()
    gapless = numbers == list(range(1, len(numbers) + 1))
    print(
        f"worker: write refused {bool(refused)}, ready {ready} at fence {run.fence} (was {old}), events whole {gapless}"
    )
    return ready and bool(refused) and versions == 1 and gapless


def outgrow_memory(site: Site) -> bool:
    """One training wants more than it may have; another persona's goes on beside its three attempts."""
    site.start_worker("io", tuning=TUNING)
    site.start_beat(tuning=TUNING)
    site.start_worker("train", tuning=TUNING, TRAINING_MEMORY_GB=LIMIT_GB, fake="{}")
    large = run_here(persona("Large"), fake={"bytes": LARGE_BYTES, "steps": 500})
    small = [run_here(persona(f"Small {number}")) for number in range(2)]
    others = [reaches(run, {"ready"}, PATIENCE) for run in small]
    failed = reaches(large, {"failed"}, 2 * PATIENCE)
    print(f"memory: failed {failed} after {large.failures} attempts: “{large.error}” others ready {others}")
    return failed and large.failures == 3 and "TRAINING_MEMORY_GB" in large.error and all(others)

"""kill -9 at every boundary of a submission, before and after the provider accepted."""

import subprocess
from dataclasses import dataclass
from itertools import product

from scripts.faults.people import persona, run_there
from scripts.faults.site import Site, kill_children, wait_for
from tests.provider_standin import Standin
from training.models import TrainingRun

# Seconds; waiting is made shorter, so that forty deaths take minutes. What is done is the same.
TUNING = {"lease": 4, "heartbeat": 1, "sweep": 1, "looks": [0, 1, 2, 3, 4], "fastest": 0.5}
REQUESTS = [  # each request of a submission and of the first look after it, and how many of its kind come before it
    *(("files.list", 0), ("files.create", 0), ("files.list", 1), ("files.create", 1)),
    *(("jobs.list", 0), ("jobs.create", 0), ("jobs.retrieve", 0), ("jobs.list_events", 0)),
]
COMMITS = 6  # updates of the row that say something new: uploading, two files, submitting, accepted, first look
PATIENCE = 60.0


@dataclass
class Point:
    """A boundary, and what was left after a death there."""

    name: str
    jobs: int = 0
    ready: bool = False
    asked: bool = False
    died: bool = False


def submit_under_fire(site: Site, standin: Standin) -> list[Point]:
    """A point for each request before and after it was accepted, and for each commit before and after it."""
    worker = site.start_worker("io", tuning=TUNING)
    site.start_beat(tuning=TUNING)
    points = []
    for (operation, skip), after in product(REQUESTS, (False, True)):
        points.append(_at_a_request(worker, standin, operation, skip, after=after))
        print("  " + report(points[-1]), flush=True)
    for number, when in product(range(1, COMMITS + 1), ("before", "after")):
        points.append(_at_a_commit(site, standin, number, when))
        print("  " + report(points[-1]), flush=True)
    site.end(worker)
    return points


def _at_a_request(
    worker: "subprocess.Popen[bytes]", standin: Standin, operation: str, skip: int, *, after: bool
) -> Point:
    point = Point(f"{operation} {skip + 1}, {'after' if after else 'before'} it was accepted")

    def kill() -> None:
        point.died = True
        kill_children(worker)

    standin.tell(operation, "call", skip=skip, after=after, call=kill)
    standin.tell(operation, "drop", skip=skip, after=after)  # nobody is there to be answered
    return _outcome(point, standin)


def _at_a_commit(site: Site, standin: Standin, number: int, when: str) -> Point:
    point = Point(f"commit {number}, {when} it")
    site.kill_file.write_text(f"{number} {when}")
    found = _outcome(point, standin)
    point.died = not site.kill_file.exists()
    return found


def _outcome(point: Point, standin: Standin) -> Point:
    """Starts a run, lets it die as arranged, and waits for its end; submits again where the person is asked."""
    from training.services import run_submit_again
    from training.tasks import enqueue

    before = len(standin.jobs)
    run = run_there(persona(point.name[:40]), standin)
    if settles(run, PATIENCE) and run.is_active:
        point.asked = True
        run_submit_again(run=run)
        enqueue(run.pk)
        settles(run, PATIENCE)
    point.ready, point.jobs = run.state == "ready", len(standin.jobs) - before
    standin.faults.clear()
    return point


def settles(run: TrainingRun, seconds: float) -> bool:
    """Whether the run ends, or asks the person, in time."""

    def is_settled() -> bool:
        run.refresh_from_db()
        return not run.is_active or (run.remote.get("stage") == "ask" and run.lease_until is None)

    return bool(wait_for(is_settled, seconds))


def report(point: Point) -> str:
    fate = "one job" if (point.jobs, point.ready) == (1, True) else f"{point.jobs} JOBS, ready: {point.ready}"
    return f"{point.name:48} died: {point.died!s:5}  {fate}{', the person was asked' if point.asked else ''}"

"""The broker dies, stops, forgets, or is not there when somebody clicks. Waiting is as long as in production."""

import signal
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from scripts.faults.clicking import click
from scripts.faults.people import Visitor, persona, reaches, run_there
from scripts.faults.site import Site, send
from tests.provider_standin import Standin
from training.models import TrainingRun

BAR_SECONDS = 90.0  # from recovery to the end of every run
STOPPED_SECONDS = 60.0
LONG = '{"steps": 200, "seconds": 0.05}'  # ten seconds, so that the fault comes in the middle
AS_IN_PRODUCTION = {"sweep": 15.0}

Fault = Callable[[Site, Visitor, Standin], list[TrainingRun]]


def broker_under_fire(site: Site) -> bool:
    """Each fault with a training here and one at the stand-in; how long after the recovery both were ready."""
    visitor = Visitor(site.start_web())
    site.start_worker("io", tuning=AS_IN_PRODUCTION)
    site.start_beat(tuning=AS_IN_PRODUCTION)
    site.start_worker("train", tuning=AS_IN_PRODUCTION, fake=LONG)
    fine = True
    with Standin() as standin:
        for fault in (killed_under_way, forgetful, stopped, away_at_the_click):
            runs = fault(site, visitor, standin)
            began = time.monotonic()
            ready = [reaches(run, {"ready"}, BAR_SECONDS - (time.monotonic() - began)) for run in runs]
            seconds = time.monotonic() - began
            print(f"broker: {fault.__name__:18} ready {ready}, {seconds:.0f} s after the recovery", flush=True)
            fine = fine and all(ready)
        jobs = len(standin.jobs)
    print(f"broker: failed pages {visitor.failures}, jobs {jobs} of 4")
    return fine and not visitor.failures and jobs == 4


def _both(name: str, visitor: Visitor, standin: Standin) -> list[TrainingRun]:
    here = click(visitor, persona(f"{name} here"))
    return [here, run_there(persona(f"{name} there"), standin)]


@contextmanager
def _away(site: Site) -> Iterator[None]:
    """The broker is killed, and comes back with what it had written."""
    site.end(site.valkey)
    yield
    site.start_valkey()


def killed_under_way(site: Site, visitor: Visitor, standin: Standin) -> list[TrainingRun]:
    runs = _both("Killed", visitor, standin)
    time.sleep(3)
    with _away(site):
        time.sleep(5)
    return runs


def forgetful(site: Site, visitor: Visitor, standin: Standin) -> list[TrainingRun]:
    """FLUSHALL right after the clicks: the messages are gone."""
    runs = _both("Forgotten", visitor, standin)
    site.flush_valkey()
    return runs


def stopped(site: Site, visitor: Visitor, standin: Standin) -> list[TrainingRun]:
    """SIGSTOP: connections stay open and nothing answers."""
    send(site.valkey, signal.SIGSTOP)
    runs = _both("Stopped", visitor, standin)
    time.sleep(STOPPED_SECONDS)
    send(site.valkey, signal.SIGCONT)
    return runs


def away_at_the_click(site: Site, visitor: Visitor, standin: Standin) -> list[TrainingRun]:
    with _away(site):
        return _both("Away", visitor, standin)

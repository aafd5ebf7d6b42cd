"""Power cuts, one machine at a time, and how long it takes until all is as before."""

import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from django.db import DatabaseError, connection

from scripts.hosts.network import Machine
from scripts.hosts.people import Person

PATIENCE = 180.0


@dataclass(frozen=True)
class Outage:
    """`away` seconds without the machine; `recovery` seconds until `what` held again, None if it never did."""

    machine: str
    away: float
    what: str
    recovery: float | None


def asked(query: Callable[[], Any]) -> Any:
    """The query's answer; None while the database is away."""
    try:
        return query()
    except DatabaseError:
        connection.close()
        return None


def wait(condition: Callable[[], Any], seconds: float = PATIENCE) -> float | None:
    """Seconds until the condition held; None where it never did."""
    began = time.monotonic()
    while time.monotonic() - began < seconds:
        if asked(condition):
            return round(time.monotonic() - began, 1)
        time.sleep(0.5)
    return None


def engine_outage(machine: Machine, people: list[Person]) -> Outage:
    """Until each of three people whose version it had got a reply from the other one."""
    from training.engines import by_weight
    from training.models import PersonaModel

    urls = [f"http://10.77.0.{place}:8766" for place in (31, 32)]
    mine = f"http://{machine.address}:8766"
    wait(lambda: PersonaModel.objects.exists())
    machine.kill()
    cut = time.monotonic()

    def answered() -> bool:
        versions = dict(PersonaModel.objects.filter(is_current=True).values_list("persona_id", "pk"))
        concerned = [p for p in people if (key := _of(versions, p)) and by_weight(key, urls)[0] == mine]
        return sum(p.ledger.last_reply > cut for p in concerned) >= min(3, len(concerned)) > 0

    recovery = wait(answered)
    machine.start()
    return Outage(machine.name, round(time.monotonic() - cut, 1), "its versions answer elsewhere", recovery)


def _of(versions: dict[Any, Any], person: Person) -> str:
    found = {str(key): str(value) for key, value in versions.items()}
    return found.get(person.persona_id, "")


def broker_outage(machine: Machine, seconds: float = 15.0) -> Outage:
    """Until, after it is back, a training begins that had not begun before."""
    from training.models import TrainingRun

    machine.kill()
    cut = time.monotonic()
    time.sleep(seconds)
    begun = _begun(TrainingRun)
    waiting = TrainingRun.objects.filter(started_at=None).exists()
    machine.start()
    back = time.monotonic()
    what = "the next training begins" if waiting else "a message is taken"
    recovery = wait(lambda: _begun(TrainingRun) > begun) if waiting else wait(_rings)
    return Outage(machine.name, round(back - cut, 1), what, recovery)


def _begun(runs: Any) -> int:
    return int(runs.objects.exclude(started_at=None).count())


def _rings() -> bool:
    from questionnaires.doorbell import publish
    from training.tasks import sweep

    return publish(sweep)


def database_outage(machine: Machine, people: list[Person], seconds: float = 15.0) -> Outage:
    """Until, after it is back, half of the people saved again."""
    machine.kill()
    cut = time.monotonic()
    time.sleep(seconds)
    machine.start()
    back = time.monotonic()
    half = len(people) // 2
    recovery = wait(lambda: sum(person.ledger.last_save > back for person in people) >= half)
    return Outage(machine.name, round(back - cut, 1), "half of the people saved again", recovery)


def trainer_outage(machine: Machine) -> Outage | None:
    """Until the training that it held is worked on again, by whomever."""
    from training.models import TrainingRun

    def held() -> Any:
        return TrainingRun.objects.filter(host=machine.name, state="training", step__gte=2).first()

    if wait(held, 120) is None or (run := held()) is None:
        return None
    machine.kill()
    cut = time.monotonic()
    time.sleep(5)
    machine.start()

    def goes_on() -> bool:
        now = TrainingRun.objects.get(pk=run.pk)
        return now.fence > run.fence and (now.state == "ready" or now.lease_until is not None)

    recovery = wait(goes_on)
    if recovery is not None:
        recovery = round(time.monotonic() - cut, 1)
    return Outage(machine.name, 5.0, "its training is worked on again", recovery)

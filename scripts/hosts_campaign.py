"""Machines that lose their power: two web, two io, two train and two engine machines, PostgreSQL, Valkey and a store,
each in a network namespace of its own, while twenty people write, train and chat.

    .venv/bin/python scripts/hosts_campaign.py [--people 20] [--real 2] [--base FOLDER]

An engine machine, Valkey, PostgreSQL and a train machine are killed one after another (kill -9 of all that runs there)
and brought back. Prints what was lost and how long it took; exit code 1 if anything was lost or took over 90 s. Wants
root and Linux; elsewhere it says why it does nothing. `--real` trainings run engine.train, the others a stand-in of ten
seconds whose versions are served all the same. Some six minutes and 6 GB on two cores.
"""

import argparse
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.hosts import cluster  # noqa: E402
from scripts.hosts.network import Machine, lay_cable, why_not  # noqa: E402

WITHIN, ANSWERS, SLUGS = 90.0, 12, 3
INSIDE = "HOSTS_CAMPAIGN_INSIDE"


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--real", type=int, default=2, help="trainings by the real trainer, at the end of the queue")
    parser.add_argument("--base", type=Path, help="folder with the base model made ready; without: it is made")
    options = parser.parse_args()
    if reason := why_not() or ("" if cluster.BINARIES else "PostgreSQL is not installed"):
        print(f"Skipped: {reason}.")
        return 0
    if INSIDE not in os.environ:
        command = ["unshare", "--net", "--mount", sys.executable, __file__, *sys.argv[1:]]
        os.execvpe(command[0], command, {**os.environ, INSIDE: "1"})  # noqa: S606  (a list, no shell)
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with tempfile.TemporaryDirectory(prefix="hosts-") as name:
        return 0 if campaign(Path(name), options) else 1


def campaign(folder: Path, options: argparse.Namespace) -> bool:
    lay_cable()
    make_base_ready(folder / "base", options.base)
    os.environ |= cluster.environment(folder, "observer")
    store = serve_store(folder)
    machines = {"postgresql": cluster.database(folder), "valkey": cluster.broker(folder)}
    try:
        for machine in machines.values():
            machine.start()
        machines |= start_site(folder)
        return people_and_power_cuts(machines, options)
    finally:
        for machine in machines.values():
            machine.end()
        store.terminate()
        keep_logs(folder)


def make_base_ready(target: Path, source: Path | None) -> None:
    if source is not None:
        shutil.copytree(source, target)
        return
    subprocess.run([sys.executable, "-m", "engine.base_models", "--cache", str(target)], cwd=ROOT, check=True)


def serve_store(folder: Path) -> "subprocess.Popen[bytes]":
    """An S3-compatible store beside the machines. It is none of those that are killed."""
    with (folder / "store.log").open("wb") as log:
        command = [sys.executable, "-m", "moto.server", "-H", "10.77.0.1", "-p", "9000"]
        store = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT)
    import boto3
    from botocore.exceptions import BotoCoreError

    names = {"aws_access_key_id": cluster.KEY, "aws_secret_access_key": cluster.KEY, "region_name": "us-east-1"}
    for _try in range(60):
        try:
            boto3.client("s3", endpoint_url=cluster.STORE, **names).create_bucket(Bucket=cluster.BUCKET)
            return store
        except BotoCoreError:
            time.sleep(0.5)
    raise SystemExit("The store did not start.")


def start_site(folder: Path) -> dict[str, Machine]:
    """All machines of the site, when all of them answer."""
    import django
    from django.core.management import call_command

    django.setup()
    from django.db import connection

    from scripts.hosts.outages import asked, wait

    def database_answers() -> bool:
        connection.ensure_connection()
        return True

    wait(lambda: asked(database_answers), 60)
    call_command("migrate", verbosity=0)
    call_command("load_questionnaires", verbosity=0)
    machines = cluster.site_machines(folder)
    began = time.monotonic()
    for machine in machines.values():
        machine.start()
    from training.hosts import hosts_live

    late = [url for url in addresses(machines) if wait(lambda url=url: answers(url), 240) is None]
    if late or wait(lambda: len(hosts_live()) == 2, 120) is None:
        raise SystemExit(f"These machines did not come up: {late or 'train'}.")
    print(f"{len(machines)} machines of the site are up after {time.monotonic() - began:.0f} s", flush=True)
    return machines


def addresses(machines: dict[str, Machine]) -> list[str]:
    ports = {"web": "8765/healthz", "engine": "8766/health"}
    return [f"http://{m.address}:{ports[m.name[:-1]]}" for m in machines.values() if m.name[:-1] in ports]


def answers(url: str) -> bool:
    import httpx2

    try:
        return httpx2.get(url, timeout=3, trust_env=False).status_code == 200
    except httpx2.HTTPError:
        return False


def people_and_power_cuts(machines: dict[str, Machine], options: argparse.Namespace) -> bool:
    from scripts.hosts.audit import audit
    from scripts.hosts.outages import broker_outage, database_outage, engine_outage, trainer_outage, wait
    from scripts.hosts.population import people_make, trainings_start, unready

    people = people_make(options.people, [f"http://{address}:8765" for address in cluster.WEBS], ANSWERS, SLUGS)
    began = time.monotonic()
    trainings_start(people, options.real)
    for person in people:
        person.start()
    outages = [engine_outage(machines["engine1"], people)]
    tell(outages[-1])
    outages.append(broker_outage(machines["valkey"]))
    tell(outages[-1])
    outages.append(database_outage(machines["postgresql"], people))
    tell(outages[-1])
    if cut := trainer_outage(machines["train1"]):
        outages.append(cut)
        tell(cut)
    memory = sum(machine.memory_mb() for machine in machines.values())
    wait(lambda: not unready(), 600)
    took = time.monotonic() - began
    for person in people:
        person.stopping.set()
    for person in people:
        person.join(200)
    found = audit(people)
    print(f"{options.people} people, {options.real} real trainings, {took:.0f} s, {memory:.0f} MB")
    print(
        f"answers: {found.saves} saves acknowledged, {found.answers_lost} lost | messages: {found.messages}"
        f" acknowledged, {found.messages_lost} lost, {found.open} without an end, {found.unanswered} cut off or failed"
        f" (said so, can be asked again) | runs: {found.runs}, {found.runs_lost} not ready, {found.moved} moved |"
        f" versions damaged: {found.versions_damaged} | requests sent again: {found.sent_again}"
    )
    for fault in found.wrong[:10]:
        print(f"wrong: {fault}")
    in_time = all(cut.recovery is not None and cut.recovery <= WITHIN for cut in outages)
    return found.fine and in_time and len(outages) == 4


def tell(outage: Any) -> None:
    recovery = "NEVER" if outage.recovery is None else f"{outage.recovery:.1f} s"
    print(f"{outage.machine:12} away {outage.away:5.1f} s   {outage.what:36} {recovery}", flush=True)


def keep_logs(folder: Path) -> None:
    """The machines' logs, where HOSTS_LOGS names a folder for them."""
    if target := os.environ.get("HOSTS_LOGS"):
        for log in folder.glob("*/log"):
            Path(target).mkdir(parents=True, exist_ok=True)
            shutil.copy(log, Path(target) / f"{log.parent.name}.log")


if __name__ == "__main__":
    sys.exit(main())

"""Faults on purpose: kills at every boundary of a submission, a broker that dies, a worker that is stopped, and so on.

    .venv/bin/python scripts/fault_campaign.py [submit clicks broker worker memory trainer]

Real worker processes, a real broker and web server, and a stand-in for the provider, in a folder of their own. Prints
what was left after each fault; exit code 1 if anything was lost, doubled or late.
"""

import argparse
import signal
import sys
import tempfile
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from scripts.faults.site import Site, prepare  # noqa: E402


def submit(site: Site) -> bool:
    from scripts.faults.submitting import submit_under_fire
    from tests.provider_standin import Standin

    with Standin() as standin:
        points = submit_under_fire(site, standin)
        lost = [point.name for point in points if not point.ready]
        doubled = [point.name for point in points if point.jobs > 1]
        unharmed = [point.name for point in points if not point.died]
        asked = sum(point.asked for point in points)
        print(f"submit: {len(points)} points, lost {lost}, doubled {doubled}, not reached {unharmed}, asked {asked}")
        return not (lost or doubled or unharmed or standin.wrong_keys or standin.complaints)


def clicks(site: Site) -> bool:
    from scripts.faults.clicking import click_together

    return click_together(site, 50)


def broker(site: Site) -> bool:
    from scripts.faults.broker import broker_under_fire

    return broker_under_fire(site)


def worker(site: Site) -> bool:
    from scripts.faults.workers import stop_past_the_lease

    return stop_past_the_lease(site)


def memory(site: Site) -> bool:
    from scripts.faults.workers import outgrow_memory

    return outgrow_memory(site)


def trainer(site: Site) -> bool:
    from scripts.faults.trainer import kill_the_trainer

    return kill_the_trainer(site.folder / "trainer", 20)


SCENARIOS = {each.__name__: each for each in (submit, clicks, broker, worker, memory, trainer)}


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("names", nargs="*", metavar="scenario", help=f"of {', '.join(SCENARIOS)}; without: all of them")
    names = parser.parse_args(arguments).names
    if unknown := [name for name in names if name not in SCENARIOS]:
        parser.error(f"there is no scenario {unknown[0]}; choose of {', '.join(SCENARIOS)}")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # so that what was started is ended
    with tempfile.TemporaryDirectory(prefix="faults-") as folder:
        prepare(Path(folder))
        failed = []
        for name in names or list(SCENARIOS):
            print(f"== {name}", flush=True)
            site = Site(Path(folder))
            site.start_valkey()
            try:
                if not SCENARIOS[name](site):
                    failed.append(name)
            finally:
                site.end()
        print(f"failed: {', '.join(failed)}" if failed else "nothing was lost, doubled or late")
        return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

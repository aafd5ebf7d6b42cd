"""The trainer is killed again and again; what it ends with is what an undisturbed one ends with."""

import json
import random
import shutil
import subprocess
import sys
import time
from pathlib import Path

from scripts.faults.site import ROOT
from tests.engine.conftest import save_tiny_model
from tests.engine.job_folder import JobFolder, few_rows

TOLERANCE = 1e-4  # nats a token
EPOCHS, ROWS = 30, 40
SEED = 4


def kill_the_trainer(folder: Path, kills: int) -> bool:
    """Trains a tiny model undisturbed, and once more with a SIGKILL at `kills` random steps."""
    folder.mkdir()
    model = save_tiny_model(folder / "tiny")
    overrides = {"epochs": EPOCHS, "checkpoint_seconds": 0, "check_replies": 0, "batch_rows": 4, "sample_count": 0}
    calm, wild = (
        JobFolder(folder / name, str(model), folder / "cache", rows=few_rows(ROWS), overrides=overrides)
        for name in ("calm", "wild")
    )
    _run(calm.write()).wait()
    steps = len({event["step"] for event in calm.events("step")})
    wild.write()
    at = sorted(random.Random(SEED).sample(range(1, steps * 2 // 3), kills))  # noqa: S311  (any order will do)
    killed = [_kill_at(wild.folder, step) for step in at]
    code = _run(wild.folder).wait()
    difference = _difference(calm, wild)
    print(f"trainer: killed at steps {killed} of {steps}, exit code {code}, loss differs by {difference:.2e}")
    shutil.rmtree(folder)
    return all(killed) and code == 0 and difference <= TOLERANCE


def _run(folder: Path) -> "subprocess.Popen[bytes]":
    return subprocess.Popen([sys.executable, "-m", "engine.train", str(folder)], cwd=ROOT, stdout=subprocess.DEVNULL)


def _kill_at(folder: Path, step: int) -> int:
    """Kills it once it told of `step` or a later one itself; the step it was killed at, 0 if it ended before."""
    progress = folder / "progress.jsonl"
    told = progress.stat().st_size if progress.exists() else 0
    process = _run(folder)
    while process.poll() is None:
        if step <= (at := _last_step(progress, told)):
            process.kill()
            process.wait()
            return at
        time.sleep(0.002)
    return 0


def _last_step(progress: Path, start: int) -> int:
    """The last step in the file after `start` bytes; 0 before the first."""
    try:
        with progress.open("rb") as file:
            file.seek(start)
            lines = file.read().split(b"\n")[:-1]
    except FileNotFoundError:
        return 0
    events = map(json.loads, filter(None, reversed(lines)))
    return next((event["step"] for event in events if event["event"] == "step"), 0)


def _difference(calm: JobFolder, wild: JobFolder) -> float:
    """The largest one of the final training and validation losses."""
    found = []
    for kind in ("step", "validation"):
        ends = [{event["step"]: event["loss"] for event in job.events(kind)} for job in (calm, wild)]
        last = max(ends[0])
        found.append(abs(ends[0][last] - ends[1].get(last, float("inf"))))
    return max(found)

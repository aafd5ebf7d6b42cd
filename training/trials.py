"""A short training of a base model on this computer, thrown away: what it tells is speed and memory.

The worker runs `python -m engine.rehearsal` in a process of its own. What was asked for and what went wrong is noted in
a file, because web and worker are different processes; what came of it is a SpeedTrial.
"""

import hashlib
import json
import os
import subprocess
import sys
import time
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path

import psutil
from django.conf import settings
from django.utils.translation import gettext as _

from questionnaires.services import Refused
from training.local_models import why_not
from training.models import SpeedTrial
from training.storage import StoreAway, remove, text_read, text_write

LOST_SECONDS = 3600.0  # a note that is older was left by a worker that is gone
LOOK_SECONDS = 0.2
NICE = 10  # pages come before trials
SENTENCE = 500
COMMAND = (sys.executable, "-m", "engine.rehearsal")


@dataclass(frozen=True)
class TrialState:
    """`asked`: Unix seconds since when it is under way, 0 if it is not. `fault`: why the last one failed."""

    asked: float = 0.0
    fault: str = ""

    @property
    def under_way(self) -> bool:
        return time.time() - self.asked < LOST_SECONDS


def trial_state(*, base_model: str) -> TrialState:
    try:
        return TrialState(**json.loads(text_read(_note(base_model))))
    except (FileNotFoundError, ValueError, TypeError, StoreAway):
        return TrialState()


def trial_ask(*, base_model: str) -> None:
    """Notes that a trial is wanted; the caller rings the worker. Refused where the model cannot be trained here."""
    if sentence := why_not(base_model):
        raise Refused(sentence)
    _write(base_model, TrialState(asked=time.time()))


def trial_drop(*, base_model: str) -> None:
    """Forgets that a trial was wanted."""
    remove(_note(base_model))


def trial_run(*, base_model: str) -> SpeedTrial | None:
    """Tries the model, in the worker; None with a noted sentence where that failed."""
    limit = str(int(settings.TRAINING_MEMORY_GB * 1e9))
    command = [*COMMAND, "--base-model", base_model, "--cache", str(settings.BASE_DIR_CACHE), "--memory-limit", limit]
    command.append("--json")
    child = subprocess.Popen(command, cwd=settings.BASE_DIR, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    with suppress(OSError):
        os.setpriority(os.PRIO_PROCESS, child.pid, NICE)
    too_large = _watch(child)
    output, words = child.communicate()
    try:
        found = json.loads(output)
        trial = SpeedTrial.objects.create(
            base_model=base_model,
            tokens_per_second=float(found["tokens_per_second"]),
            peak_memory_bytes=int(found["peak_memory_bytes"]),
            machine=f"{found['machine']}, {found['dtype']}"[:200],
        )
    except (ValueError, KeyError, TypeError):
        _write(base_model, TrialState(fault=_fault(too_large, words)))
        return None
    trial_drop(base_model=base_model)
    return trial


def _watch(child: subprocess.Popen[str]) -> bool:
    """Waits for the end; kills it, with True, when it and its children outgrow what a training may use."""
    while True:
        try:
            child.wait(LOOK_SECONDS)
        except subprocess.TimeoutExpired:
            if _resident(child.pid) > settings.TRAINING_MEMORY_GB * 1e9:
                _kill(child.pid)
                return True
        else:
            return False


def _family(pid: int) -> list[psutil.Process]:
    with suppress(psutil.Error):
        parent = psutil.Process(pid)
        return [*parent.children(recursive=True), parent]
    return []


def _resident(pid: int) -> int:
    total = 0
    for process in _family(pid):
        with suppress(psutil.Error):
            total += int(process.memory_info().rss)
    return total


def _kill(pid: int) -> None:
    for process in _family(pid):
        with suppress(psutil.Error):
            process.kill()


def _fault(too_large: bool, words: str) -> str:
    if too_large:
        limit = f"{settings.TRAINING_MEMORY_GB:g}"
        return _("It needs more than the %(gb)s GB of memory that a training may use (TRAINING_MEMORY_GB).") % {
            "gb": limit
        }
    lines = words.strip().splitlines()
    return lines[-1][:SENTENCE] if lines else _("The trial ended without a word. The log may say why.")


def _note(base_model: str) -> Path:
    name = hashlib.sha256(base_model.encode()).hexdigest()[:24]
    return Path(settings.DATA_DIR) / "trials" / f"{name}.json"


def _write(base_model: str, state: TrialState) -> None:
    text_write(_note(base_model), json.dumps(asdict(state)))

"""The frozen data set of a run: the engine's job folder, written once, so that later edits do not reach a training."""

import json
import os
import shutil
from contextlib import suppress
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from questionnaires.services import Refused, dataset_build
from training.file_source import file_rows, overrides_of
from training.models import TrainingRun
from training.row_files import TRAIN, VALIDATION, RowFiles, row_files, sha256_of
from training.storage import StoreAway, fetch, forget, has_store, share

JOB = "job.json"
FROZEN = (TRAIN, VALIDATION, JOB)
UNSEEN = {"check_replies": 0}  # what a program wants learned may look like anything: its replies are not judged here


def is_frozen(run: TrainingRun) -> bool:
    """Whether the folder holds the very rows whose hash the run carries."""
    return bool(run.data_hash) and (run.folder / JOB).is_file() and _hash(run.folder) == run.data_hash


def freeze(run: TrainingRun) -> None:
    """Writes the job folder anew from the answers of now, or from the run's file; sets `items`, `spoken_name`,
    `overrides` and `data_hash` without saving.

    Refused if the rows are others than those that the person looked at and consented to.
    """
    files = _rows_of_file(run) if run.source else _rows_of_answers(run)
    if run.consent and run.consent.get("sha256") != files.sha256:
        sentence = _("Your answers changed after you looked at what leaves this computer. Look again, then start.")
        raise Refused(sentence)
    shutil.rmtree(run.folder, ignore_errors=True)
    run.folder.mkdir(parents=True, mode=0o700)
    for name, content in files.by_name.items():
        _write(run.folder / name, content)
    job = {
        "base_model": run.base_model,
        "recipe": run.recipe,
        "seed": run.seed,
        "overrides": run.overrides | (UNSEEN if run.source else {}),
        "samples": files.samples,
        **_of_this_machine(),
    }
    _write(run.folder / JOB, json.dumps(job).encode())  # last: its presence says that the rows are whole
    for name in FROZEN:
        share(run.folder / name)
    run.data_hash = files.sha256


def rows_fetch(run: TrainingRun) -> bool:
    """Makes sure that the folder holds the frozen rows, as another machine shared them; False if they are nowhere.

    Raises StoreAway.
    """
    if is_frozen(run) or not (run.data_hash and has_store()):
        return is_frozen(run)
    for name in FROZEN:
        (run.folder / name).unlink(missing_ok=True)
    if not all(fetch(run.folder / name) for name in reversed(FROZEN)):
        return False
    job = json.loads((run.folder / JOB).read_text(encoding="utf-8"))
    _write(run.folder / JOB, json.dumps(job | _of_this_machine()).encode())
    return is_frozen(run)


def rows_bring(run: TrainingRun) -> None:
    """For whoever only reads: brings the frozen rows here if that can be done."""
    if has_store():
        with suppress(StoreAway):
            rows_fetch(run)


def rows_forget(run: TrainingRun) -> bool:
    """Removes what the run learned from, here and in the store; whether there was anything. Its row stays."""
    was_here = run.folder.is_dir()
    shutil.rmtree(run.folder, ignore_errors=True)
    forget(run.folder)
    return was_here


def _of_this_machine() -> dict[str, Any]:
    return {
        "cache_dir": str(settings.BASE_DIR_CACHE),
        "memory_limit_bytes": int(settings.TRAINING_MEMORY_GB * 1e9),
    }


def _rows_of_answers(run: TrainingRun) -> RowFiles:
    items = dataset_build(persona=run.persona)
    run.items, run.spoken_name = len(items), run.persona.name
    is_local = run.connection_id is None
    return row_files(
        items, name=run.spoken_name, format=run.format, recipe=run.recipe, seed=run.seed, is_local=is_local
    )


def _rows_of_file(run: TrainingRun) -> RowFiles:
    files, run.items = file_rows(run)
    run.overrides = overrides_of(run, run.items)
    return files


def _write(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _hash(folder: Path) -> str:
    """The hash of the rows as they lie there; empty where a file is missing."""
    try:
        return sha256_of((folder / TRAIN).read_bytes(), (folder / VALIDATION).read_bytes())
    except FileNotFoundError:
        return ""

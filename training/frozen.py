"""The frozen data set of a run: the engine's job folder, written once, so that later edits do not reach a training."""

import hashlib
import json
import os
import shutil
from collections.abc import Iterable
from pathlib import Path
from typing import cast

from django.conf import settings

from questionnaires.dataset import Recipe, build, encode, renderer
from questionnaires.services import dataset_build
from training.models import TrainingRun

TRAIN, VALIDATION, JOB = "train.jsonl", "validation.jsonl", "job.json"


def is_frozen(run: TrainingRun) -> bool:
    """Whether the folder holds the very rows whose hash the run carries."""
    return bool(run.data_hash) and (run.folder / JOB).is_file() and _hash(run.folder) == run.data_hash


def freeze(run: TrainingRun) -> None:
    """Writes the job folder anew from the answers of now; sets `items`, `spoken_name`, `data_hash` without saving."""
    items = dataset_build(persona=run.persona)
    run.items, run.spoken_name = len(items), run.persona.name
    recipe = cast(Recipe, run.recipe)
    rows = build(items, renderer=renderer(run.format), name=run.spoken_name, recipe=recipe, seed=run.seed)
    shutil.rmtree(run.folder, ignore_errors=True)
    run.folder.mkdir(parents=True, mode=0o700)
    _write(run.folder / TRAIN, encode(rows.training))
    _write(run.folder / VALIDATION, encode(rows.validation))
    job = {
        "base_model": run.base_model,
        "cache_dir": str(settings.BASE_DIR_CACHE),
        "recipe": run.recipe,
        "seed": run.seed,
        "overrides": {},
        "samples": rows.samples,
    }
    _write(run.folder / JOB, [json.dumps(job).encode()])  # last: its presence says that the rows are whole
    run.data_hash = _hash(run.folder)


def _write(path: Path, chunks: Iterable[bytes]) -> None:
    with path.open("wb") as file:
        file.writelines(chunks)
        file.flush()
        os.fsync(file.fileno())


def _hash(folder: Path) -> str:
    """SHA-256 of the training rows, a NUL, and the validation rows."""
    digest = hashlib.sha256()
    for name in (TRAIN, VALIDATION):
        try:
            digest.update((folder / name).read_bytes() + b"\0")
        except FileNotFoundError:
            return ""
    return digest.hexdigest()

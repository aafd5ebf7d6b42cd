"""The files of an archive on their way in. Frozen rows are taken as they are; weights are read and written anew by the
engine, as those of any stranger, so nothing of the archive itself is ever served."""

from __future__ import annotations

import json
import shutil
import tempfile
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from privacy.archive_fitting import Known
from privacy.archive_reading import Archive
from privacy.archive_writing import FILE_OF_UPLOAD
from questionnaires.services import Refused
from training.adapter_import import adapter_admit
from training.frozen import FROZEN
from training.models import PersonaModel
from training.storage import StoreAway, has_store, share
from training.version_files import version_share

WEIGHTS, CONFIG, RESULT = "adapter_model.safetensors", "adapter_config.json", "result.json"


@dataclass
class Placed:
    """Files that wait in `folder` for the rows that they belong to."""

    folder: Path
    targets: dict[Path, Path] = field(default_factory=dict)  # from where to where
    sentences: list[str] = field(default_factory=list)
    moved: list[Path] = field(default_factory=list)

    def move(self) -> None:
        """To their places, just before the rows are committed."""
        for source, target in self.targets.items():
            target.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
            _remove(target)  # of a row that is gone
            self.moved.append(target)
            shutil.move(source, target)

    def take_back(self) -> None:
        for target in self.moved:
            _remove(target)

    def share(self) -> list[str]:
        """To the store that other machines reach, once the rows are committed. A sentence where it is away."""
        try:
            for target in self.moved if has_store() else ():
                _share(target)
        except StoreAway as away:
            return [_("The files are on one machine alone. %(why)s") % {"why": away}]
        return []


def _share(target: Path) -> None:
    if target.is_file():
        share(target)
    elif target.parent == Path(settings.MODELS_DIR):
        PersonaModel.objects.filter(pk=target.name).update(files=version_share(target))
    else:
        for name in FROZEN:
            if (target / name).is_file():
                share(target / name)


def _remove(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def files_place(
    archive: Archive, known: Known, *, rename: Callable[[str], str] | None, beat: Callable[[int, int, str], None]
) -> Placed:
    """Unpacks the files of rows that come along. What cannot be served here is told in a sentence, not a failure."""
    root = Path(settings.DATA_DIR) / "archives"
    root.mkdir(parents=True, exist_ok=True, mode=0o700)
    placed = Placed(Path(tempfile.mkdtemp(prefix=".coming-", dir=root)))
    try:
        _place(archive, known, placed, rename, beat)
    except BaseException:
        shutil.rmtree(placed.folder, ignore_errors=True)
        raise
    return placed


def _place(
    archive: Archive,
    known: Known,
    placed: Placed,
    rename: Callable[[str], str] | None,
    beat: Callable[[int, int, str], None],
) -> None:
    for name in archive.files():
        _files, kind, key, file = name.split("/")
        target = placed.folder / kind / (rename(key) if rename else key) / file
        target.parent.mkdir(parents=True, exist_ok=True)
        with target.open("wb") as unpacked:
            unpacked.writelines(archive.pieces(name))
    for folder in sorted(placed.folder.glob("runs/*")):
        if folder.name in known.ids("training.TrainingRun"):
            placed.targets[folder] = Path(settings.RUNS_DIR) / folder.name
    for folder in sorted(placed.folder.glob("uploads/*")):
        if folder.name in known.ids("training.UploadedFile"):
            placed.targets[folder / FILE_OF_UPLOAD] = Path(settings.UPLOADS_DIR) / folder.name
    for folder in sorted(placed.folder.glob("models/*")):
        if folder.name in known.ids("training.PersonaModel"):
            beat(0, 1, folder.name)
            _weights(folder, placed)


def _weights(folder: Path, placed: Placed) -> None:
    admitted = folder.with_name(f"{folder.name}.admitted")
    if (folder / WEIGHTS).is_file() and (folder / CONFIG).is_file():
        try:
            adapter_admit(config=folder / CONFIG, weights=folder / WEIGHTS, target=admitted, base_model=_base(folder))
        except Refused as refused:
            placed.sentences.append(_("The weights of a version were left out. %(why)s") % {"why": refused})
    if figures := _figures(folder):
        admitted.mkdir(exist_ok=True)
        (admitted / RESULT).write_text(json.dumps(figures, indent=2) + "\n", encoding="utf-8")
    if admitted.is_dir():
        placed.targets[admitted] = Path(settings.MODELS_DIR) / folder.name


def _base(folder: Path) -> str:
    """As a run here notes it, or as peft does."""
    named = _figures(folder).get("base_model") or _json(folder / CONFIG).get("base_model_name_or_path")
    return str(named or "")


def _figures(folder: Path) -> dict[str, Any]:
    return _json(folder / RESULT)


def _json(path: Path) -> dict[str, Any]:
    with suppress(OSError, ValueError, RecursionError):
        found = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(found, dict):
            return found
    return {}

"""Which files of DATA_DIR belong into a backup: all but those that the program makes again by itself."""

import os
from collections.abc import Iterator
from pathlib import Path

BACKUPS = "backups"  # where they go unless another folder is named
# Base models are made ready again, messages are doorbells (what is to be done stands in the database).
MADE_AGAIN = {"base", "logs", "run", "static", "valkey", BACKUPS}
SECRETS = "secrets"
STAGED, REPLACED = ".restoring", "replaced-"  # of a restore
DATABASE = "persona.sqlite3"


def is_state(name: str) -> bool:
    """Whether an entry of DATA_DIR holds what would be lost without it."""
    return name not in {*MADE_AGAIN, STAGED} and not name.startswith(REPLACED)


def files_of(data_dir: Path, left_out: set[Path], with_secrets: bool) -> Iterator[tuple[str, Path]]:
    """(name, path) of each file to be kept, without the database. A folder that is a link is followed at the top."""
    for entry in sorted(data_dir.iterdir()):
        if not is_state(entry.name) or entry.name.startswith(DATABASE):
            continue
        if entry.name == SECRETS and not with_secrets:
            continue
        if entry.is_dir():
            yield from _below(entry, left_out)
        elif entry.is_file():
            yield entry.name, entry


def _below(top: Path, left_out: set[Path]) -> Iterator[tuple[str, Path]]:
    for folder, folders, names in os.walk(top):
        here = Path(folder)
        folders[:] = sorted(name for name in folders if (here / name).resolve() not in left_out)
        if here.resolve() in left_out:
            continue
        for name in sorted(names):
            path = here / name
            if path.is_file() and not path.is_symlink():
                yield (Path(top.name) / path.relative_to(top)).as_posix(), path

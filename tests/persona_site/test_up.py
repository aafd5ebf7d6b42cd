"""`manage.py up`: what it looks at before it starts, and one real start."""

import os
import re
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from pathlib import Path

import pytest
from django.core.management import CommandError, call_command

from persona_site.environment import SOCKET_PATH_LIMIT, broker_socket
from persona_site.management.commands import up
from persona_site.programs import private_folder
from persona_site.startup import folder_fault, port_fault, take_lock

ROOT = Path(__file__).resolve().parents[2]


def test_lock_is_for_one(tmp_path):
    held = take_lock(tmp_path / "up.lock")
    assert held is not None and take_lock(tmp_path / "up.lock") is None
    os.close(held)
    assert take_lock(tmp_path / "up.lock") is not None


def test_busy_port_is_named_with_its_setting():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        fault = port_fault("127.0.0.1", port, "ENGINE_PORT")
    assert fault is not None and str(port) in fault and "set ENGINE_PORT" in fault
    assert port_fault("127.0.0.1", port, "ENGINE_PORT") is None


def test_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").touch()
    fault = folder_fault(tmp_path / "file" / "var")
    assert fault is not None and "cannot be written: Not a directory" in fault
    assert folder_fault(tmp_path / "var") is None and list((tmp_path / "var").iterdir()) == []


def test_full_disk_is_named(tmp_path, monkeypatch):
    monkeypatch.setattr("persona_site.startup.shutil.disk_usage", lambda _: type("Usage", (), {"free": 12_000_000}))
    fault = folder_fault(tmp_path)
    assert fault is not None and "Only 12 MB are free" in fault


def test_socket_path_fits_whatever_the_folder(tmp_path):
    assert broker_socket(Path("/data")) == Path("/data/run/valkey.sock")
    long, longer = tmp_path / ("x" * 90), tmp_path / ("x" * 91)
    assert len(os.fsencode(broker_socket(long))) <= SOCKET_PATH_LIMIT
    assert broker_socket(long) == broker_socket(long) != broker_socket(longer)


def test_private_folder_is_closed_to_others(tmp_path):
    (tmp_path / "open").mkdir(mode=0o755)
    private_folder(tmp_path / "open")
    assert (tmp_path / "open").stat().st_mode & 0o777 == 0o700
    (tmp_path / "link").symlink_to(tmp_path / "open")
    with pytest.raises(PermissionError):
        private_folder(tmp_path / "link")


def test_second_start_says_so_and_gives_a_link(tmp_path, settings, monkeypatch, capsys):
    settings.DATA_DIR = tmp_path
    monkeypatch.setattr(up, "new_link", lambda: "http://127.0.0.1/open/?token=x")
    held = take_lock(tmp_path / "run" / "up.lock")
    assert held is not None
    call_command("up", "--no-browser")
    os.close(held)
    assert capsys.readouterr().out == (
        f"It runs already with this DATA_DIR ({tmp_path}). Open http://127.0.0.1/open/?token=x\n"
    )


def test_unknown_program_is_refused(tmp_path, settings):
    settings.DATA_DIR, settings.REDIS_URL = tmp_path, "redis://127.0.0.1:1"
    with pytest.raises(CommandError, match=r"--only knows no wbe; there are web, io, train, engine\."):
        call_command("up", "--only", "web,wbe")


def test_busy_port_stops_the_start(tmp_path, settings):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        settings.DATA_DIR, settings.PORT = tmp_path, taken.getsockname()[1]
        with pytest.raises(CommandError, match=f"Port {settings.PORT} on 127.0.0.1 .* set PORT to another"):
            call_command("up", "--only", "web")


@pytest.mark.slow
def test_one_start_opens_the_site_and_leaves_nothing(tmp_path):
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    command = [sys.executable, "manage.py", "up", "--no-browser", "--only", "web,valkey,io"]
    environment = {**os.environ, "DATA_DIR": str(tmp_path), "PORT": str(port), "REDIS_URL": ""}
    with (tmp_path / "output.txt").open("wb") as output:
        site = subprocess.Popen(command, cwd=ROOT, env=environment, stdout=output, stderr=output)
    try:
        link = printed_link(tmp_path / "output.txt")
        token = link.partition("token=")[2]
        opener = urllib.request.build_opener(urllib.request.HTTPCookieProcessor)
        assert opener.open(link, timeout=10).status == 200
        with pytest.raises(urllib.error.HTTPError, match="403"):
            urllib.request.urlopen(link, timeout=10)
        second = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
        assert "runs already" in second.stdout and "token=" in second.stdout
        site.send_signal(signal.SIGTERM)
        assert site.wait(20) == 0
    finally:
        site.kill()
        site.wait()
    assert port_fault("127.0.0.1", port, "PORT") is None
    assert take_lock(tmp_path / "run" / "programs.lock") is not None, "every guard has ended"
    assert not any(token in path.read_text() for path in (tmp_path / "logs").iterdir())


def printed_link(output: Path) -> str:
    deadline = time.monotonic() + 40
    while not (found := re.search(r"Ready\. Open (\S+)", output.read_text())):
        assert time.monotonic() < deadline, output.read_text()
        time.sleep(0.1)
    return found[1]

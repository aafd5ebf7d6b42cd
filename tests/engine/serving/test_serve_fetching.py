"""Models that a helper process brings when they are asked for."""

from __future__ import annotations

import shlex
import sys
from pathlib import Path
from typing import Any

import pytest
from starlette.testclient import TestClient

from engine.serve import main
from engine.serving import fetching
from engine.serving.app import create_app
from engine.serving.catalog import Catalog
from engine.serving.fetching import Fetcher
from tests.engine.serving.test_serve_app import FailingRetriever
from tests.engine.serving.test_serve_scheduler import Speller

HELPER = """
import json, pathlib, sys
top, log = pathlib.Path(sys.argv[1]), pathlib.Path(sys.argv[2])
for line in sys.stdin:
    name = line.strip()
    log.open("a").write(line)
    if name == "ends":
        sys.exit(1)
    if name == "mumbles":
        print("what?", flush=True)
    said = {"name": name, "ok": True}
    if name in ("gone", "damaged", "away", "kept"):
        status = {"gone": 404, "damaged": 422}.get(name, 503)
        said = {"name": name, "ok": False, "status": status, "message": f"{name}, it is."}
    else:
        (top / name).mkdir(exist_ok=True)
        (top / name / "adapter_config.json").write_text('{"peft_type": "LORA", "base_model_name_or_path": "base"}')
        (top / name / "adapter_model.safetensors").write_bytes(b"")
        (top / name / sys.argv[3]).write_bytes(b"")
    print(json.dumps(said), flush=True)
"""


class Helped:
    """A server with the helper above; `log` has what it was asked."""

    def __init__(self, folder: Path) -> None:
        self.models, self.log, script = folder / "models", folder / "log", folder / "helper.py"
        self.models.mkdir()
        script.write_text(HELPER)
        backend = Speller()
        command = [sys.executable, str(script), str(self.models), str(self.log), backend.adapter_file]
        catalog = Catalog(self.models, "base", backend.adapter_file)
        app = create_app(backend, catalog, FailingRetriever, fetcher=Fetcher(command))
        self.http = TestClient(app, base_url="http://localhost:1", raise_server_exceptions=False)

    def ask(self, model: str) -> Any:
        return self.http.post("/v1/completions", json={"model": model, "prompt": "a", "max_tokens": 1})

    def asked(self) -> list[str]:
        return self.log.read_text().split() if self.log.exists() else []


@pytest.fixture
def helped(tmp_path: Path) -> Helped:
    return Helped(tmp_path)


def test_a_model_comes_when_it_is_asked_for_and_only_once(helped: Helped) -> None:
    with helped.http:
        assert [helped.ask("new").status_code for _ in range(3)] == [200] * 3
    assert helped.asked() == ["new"]


def test_it_is_looked_after_again_later(helped: Helped, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(fetching, "ASKED_AGAIN_S", 0.0)
    with helped.http:
        assert [helped.ask("new").status_code for _ in range(2)] == [200] * 2
    assert helped.asked() == ["new", "new"]


@pytest.mark.parametrize(("name", "status"), [("gone", 404), ("damaged", 422), ("away", 503)])
def test_what_the_helper_refuses_is_told(helped: Helped, name: str, status: int) -> None:
    with helped.http:
        reply = helped.ask(name)
    assert (reply.status_code, reply.json()["error"]["message"]) == (status, f"{name}, it is.")


def test_one_that_is_here_is_served_though_the_store_is_away(helped: Helped) -> None:
    with helped.http:
        helped.ask("new")
        (helped.models / "new").rename(helped.models / "kept")
        assert helped.ask("kept").status_code == 200


def test_a_helper_that_ends_is_started_again(helped: Helped) -> None:
    with helped.http:
        assert helped.ask("ends").status_code == 503
        assert helped.ask("mumbles").status_code == 200


@pytest.mark.parametrize("name", ["base", "two\nlines", "../up", "a b"])
def test_the_helper_is_not_asked_for_what_is_no_version(helped: Helped, name: str) -> None:
    with helped.http:
        assert helped.ask(name).status_code == (200 if name == "base" else 404)
    assert helped.asked() == []


def test_a_server_that_others_reach_wants_a_secret(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.delenv("ENGINE_TOKEN", raising=False)
    monkeypatch.setattr("engine.serve.Shutdown", lambda: None)
    arguments = f"--host 0.0.0.0 --port 0 --models {tmp_path} --cache {tmp_path}"
    assert main(shlex.split(arguments)) == 2
    assert "set ENGINE_TOKEN" in capsys.readouterr().err

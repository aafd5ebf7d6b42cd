"""The site as it is served, a key, a model server that is played, and a worker that trains at once without a model."""

import socket
import threading
import time

import pytest
import uvicorn
from django.core.asgi import get_asgi_application

from api.tokens import token_create
from tests.api.openai.contract import Contract
from tests.api.openai.engine_standin import EngineStandin, serve
from tests.training.conftest import fake, in_background  # noqa: F401


@pytest.fixture(autouse=True)
def folders(tmp_path, settings):
    settings.RUNS_DIR, settings.MODELS_DIR = tmp_path / "runs", tmp_path / "models"
    settings.UPLOADS_DIR = tmp_path / "uploads"


@pytest.fixture
def site(transactional_db):
    """The address of the site under ASGI, as it is served for real."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    server = uvicorn.Server(uvicorn.Config(get_asgi_application(), port=port, lifespan="off", log_level="warning"))
    thread = threading.Thread(target=server.run, daemon=True)
    thread.start()
    while not server.started:
        time.sleep(0.02)
    yield f"http://127.0.0.1:{port}"
    server.should_exit = server.force_exit = True
    thread.join(5)


@pytest.fixture
def key(site, owner):
    return token_create(owner=owner, name="notebook", scopes=["read", "train", "chat"])[1]


@pytest.fixture
def contract():
    return Contract()


@pytest.fixture
def make_client(site, contract):
    """openai's SDK as a program would make it: a key and this installation's address; answers are checked."""
    from openai import DefaultHttpxClient, OpenAI

    made = []

    def make(key, **options):
        http = DefaultHttpxClient(event_hooks={"response": [contract]}, trust_env=False)
        made.append(OpenAI(api_key=key, base_url=f"{site}/v1", http_client=http, **{"max_retries": 0, **options}))
        return made[-1]

    yield make
    for client in made:
        client.close()


@pytest.fixture
def client(make_client, key):
    return make_client(key)


@pytest.fixture
def engine(settings):
    engine = EngineStandin()
    server = serve(engine)
    settings.ENGINE_URL = server.url
    yield engine
    server.shutdown()
    server.server_close()


@pytest.fixture
def rung(monkeypatch):
    """Runs that the worker was rung for; nobody works on them until `worker` is there."""
    from training import tasks

    found = []
    monkeypatch.setattr(tasks, "_publish", lambda task, *arguments, **_: found.append(arguments[0]) or True)
    return found


@pytest.fixture
def worker(monkeypatch, fake):  # noqa: F811
    """Trains whatever is rung for, in threads of its own. Called with what the trainer shall do."""
    from training import tasks
    from training.execution import run_execute

    threads = []

    def publish(task, run_id, **_):
        threads.append(in_background(run_execute, run_id=run_id))
        return True

    monkeypatch.setattr(tasks, "_publish", publish)
    yield fake
    for thread in threads:
        thread.join(20)


ROWS = b"".join(
    b'{"messages": [{"role": "user", "content": "What is %d?"}, {"role": "assistant", "content": "It is %d."}]}\n'
    % (number, number)
    for number in range(12)
)


@pytest.fixture
def uploaded(client):
    return client.files.create(file=("rows.jsonl", ROWS), purpose="fine-tune")

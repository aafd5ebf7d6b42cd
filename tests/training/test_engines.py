"""Several model servers: who is asked for what, and what happens when one of them is away."""

import asyncio
import contextlib
import threading
from collections import Counter
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from chat.client import Document, Finish, rank, stream_reply
from chat.errors import EngineBroken, EngineStarting
from fidelity import engine_client
from fidelity.engine_client import EngineAway, EngineClient
from tests.chat.fake_engine import FakeEngine, Handler
from training import engines, vllm
from training.engines import by_weight, engine_is_away, engine_urls, engines_for

URLS = [f"http://10.0.0.{number}:8766" for number in range(1, 6)]
NAMES = [f"version-{number}" for number in range(400)]


@pytest.fixture(autouse=True)
def nothing_is_remembered():
    engines._seen.clear()
    vllm._loaded.clear()


class VllmHandler(Handler):
    """Speaks of vLLM what this program uses: health, loading by name, replies of what is loaded, 404 for the rest."""

    def do_POST(self):
        if self.path != "/v1/load_lora_adapter":
            return super().do_POST()
        import json

        body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
        self.engine.requests.append((self.path, body))
        if body["lora_name"] in self.engine.loaded:
            return self.answer(400, {"error": {"message": "The lora adapter has already been loaded."}})
        if not body["lora_path"].startswith(self.engine.folder):
            return self.answer(404, {"error": {"message": "No adapter found"}})
        self.engine.loaded.add(body["lora_name"])
        return self.answer(200, {"ok": "Success: LoRA adapter added successfully."})


@contextlib.contextmanager
def serving(handler=Handler):
    fake = FakeEngine()
    fake.loaded, fake.folder = set(), "/versions"
    server = ThreadingHTTPServer(("127.0.0.1", 0), type("Bound", (handler,), {"engine": fake}))
    server.daemon_threads = True
    fake.server, fake.url = server, f"http://127.0.0.1:{server.server_port}"
    threading.Thread(target=server.serve_forever, daemon=True).start()
    try:
        yield fake
    finally:
        close(fake)


def close(fake):
    fake.server.shutdown()
    fake.server.server_close()


@pytest.fixture
def two(settings):
    """Two model servers, the one that the version "v" belongs to first."""
    with serving() as one, serving() as other:
        settings.ENGINE_URLS = [one.url, other.url]
        settings.ENGINE_URL = one.url
        yield sorted([one, other], key=lambda fake: by_weight("v", settings.ENGINE_URLS).index(fake.url))


def ask(model="v"):
    async def collect():
        wanted = {"stop": ["X"], "temperature": 0.0, "max_tokens": 9}
        return [piece async for piece in stream_reply(model=model, prompt=[{"role": "user", "content": "?"}], **wanted)]

    return asyncio.run(collect())


def text_of(pieces):
    return "".join(piece for piece in pieces if isinstance(piece, str))


def test_versions_spread_over_the_servers():
    counts = Counter(by_weight(name, URLS)[0] for name in NAMES)
    assert set(counts) == set(URLS)
    assert max(counts.values()) < 2 * min(counts.values())


def test_a_server_that_goes_moves_only_its_own_versions():
    left = URLS[1:]
    for name in NAMES:
        before, after = by_weight(name, URLS)[0], by_weight(name, left)[0]
        assert before == after or before == URLS[0]


def test_a_version_is_asked_at_its_own_server(two):
    for _ in range(3):
        assert text_of(ask()) == "I grew up by the sea."
    assert (len(two[0].generated), len(two[1].generated)) == (3, 0)


def test_the_next_server_answers_for_one_that_is_gone(two):
    close(two[0])
    assert text_of(ask()) == "I grew up by the sea."
    assert engines._remembered(two[0].url) is False
    two[0].server = two[1].server  # closed once


def test_one_that_comes_back_takes_its_own_again(two, settings):
    engine_is_away(two[0].url)
    assert engines_for("v")[0] == two[1].url
    engines._seen.clear()  # what AWAY_SECONDS does
    assert engines_for("v")[0] == two[0].url


@pytest.mark.parametrize("status", [429, 500, 503])
def test_a_server_that_refuses_hands_over_before_the_first_word(two, status):
    two[0].status["/v1/chat/completions"] = status
    assert text_of(ask()) == "I grew up by the sea."
    assert len(two[1].generated) == 1


def test_a_reply_that_has_begun_is_not_begun_again(two):
    two[0].break_after = 1
    with pytest.raises(EngineBroken):
        ask()
    assert not two[1].generated


def test_what_every_server_refuses_is_told(two):
    for fake in two:
        fake.status["/v1/chat/completions"] = 503
    with pytest.raises(EngineStarting):
        ask()


def test_the_documents_of_a_person_are_ranked_where_they_are_known(two):
    documents = [Document(str(number), ("What?",), "That.") for number in range(3)]

    async def twice():
        return [await rank(query="?", context=None, documents=documents) for _ in range(2)]

    assert len(asyncio.run(twice())) == 2
    assert sorted(len(fake.bodies("/v1/rerank")) for fake in two) == [0, 2]
    busy = next(fake for fake in two if fake.bodies("/v1/rerank"))
    busy.status["/v1/rerank"] = 503
    asyncio.run(twice())
    assert all(fake.bodies("/v1/rerank") for fake in two)


def test_each_server_hears_the_secret(two, settings):
    settings.ENGINE_TOKEN = "tell-nobody"
    ask()
    assert two[0].headers[-1]["authorization"] == "Bearer tell-nobody"


def test_reports_ask_the_next_server_too(two, settings):
    for fake in two:
        fake.status["/v1/rerank"] = 503
    settings.ENGINE_TOKEN = "tell-nobody"
    documents = [engine_client.Document("1", ("What?",), "That.")]
    with contextlib.closing(EngineClient.local()) as local:
        with pytest.raises(EngineAway):
            local.rank(query="?", documents=documents, top_n=1)
        assert all(fake.headers[-1]["authorization"] == "Bearer tell-nobody" for fake in two)
        two[1].status.clear()
        two[0].status.clear()
        assert local.rank(query="?", documents=documents, top_n=1).known


def test_one_server_alone_is_never_looked_at(settings, monkeypatch):
    settings.ENGINE_URLS = [URLS[0]]
    settings.ENGINE_URL = URLS[0]
    monkeypatch.setattr(engines, "_look", lambda url: pytest.fail("looked"))
    assert engines_for("v") == [URLS[0]]


def test_a_server_that_a_command_started_is_the_only_one(settings):
    settings.ENGINE_URLS, settings.ENGINE_URL = URLS, "http://127.0.0.1:1"
    assert engine_urls() == ["http://127.0.0.1:1"]


def test_a_look_does_not_wait_for_a_server_that_says_nothing(settings, monkeypatch):
    class Silent(BaseHTTPRequestHandler):
        def do_GET(self):
            threading.Event().wait(2)

        def log_message(self, *_):
            pass

    monkeypatch.setattr(engines, "LOOK_SECONDS", 0.2)
    with serving(Silent) as silent, serving() as well:
        assert engines_for("v", [silent.url, well.url])[0] == well.url


@pytest.fixture
def gpu(two, settings):
    """A vLLM server before the two of the site."""
    with serving(VllmHandler) as fake:
        settings.VLLM_URLS, settings.VLLM_MODELS_DIR = [fake.url], "/versions"
        yield fake


def test_vllm_gets_the_version_by_name_once_and_writes(two, gpu):
    for _ in range(2):
        assert text_of(ask()) == "I grew up by the sea."
    assert gpu.bodies("/v1/load_lora_adapter") == [{"lora_name": "v", "lora_path": "/versions/v"}]
    assert len(gpu.generated) == 2 and not two[0].generated


def test_one_that_vllm_has_already_is_as_good(gpu):
    gpu.loaded.add("v")
    ask()
    assert len(gpu.generated) == 1


def test_the_base_model_needs_no_loading(gpu, settings):
    ask(settings.BASE_MODEL)
    assert not gpu.bodies("/v1/load_lora_adapter") and len(gpu.generated) == 1


def test_the_sites_own_server_writes_what_vllm_cannot(two, gpu, monkeypatch):
    monkeypatch.setattr(vllm, "LOOK_SECONDS", 0.01)
    gpu.folder = "/elsewhere"
    assert isinstance(ask()[-1], Finish)
    assert len(two[0].generated) == 1


def test_a_vllm_that_began_anew_is_told_the_version_again(two, gpu):
    ask()
    gpu.loaded.clear()
    gpu.status["/v1/chat/completions"] = 404
    ask()
    assert len(two[0].generated) == 1
    gpu.status.clear()
    ask()
    assert len(gpu.bodies("/v1/load_lora_adapter")) == 2


def test_ranking_never_goes_to_vllm(gpu):
    asyncio.run(rank(query="?", context=None, documents=[Document("1", ("What?",), "That.")]))
    assert not gpu.bodies("/v1/rerank")

"""Each translator against a real server on loopback, well and in all the ways in which such services fail."""

import asyncio
import time
import types

import pytest

from chat.translation.errors import TranslationFailed
from chat.translation.translating import text_translate
from chat.translation.translators import TRANSLATORS, Account, bounded, posting
from chat.translation.translators.google import Google
from chat.translation.translators.mymemory import MyMemory
from tests.chat.fake_engine import FakeEngine, serve
from tests.chat.translation_server import TranslationServer
from training.providers.base import Endpoint

SERVICES = ["google", "mymemory", "libretranslate", "deepl"]
LONG = "Я родился у моря, в Ниде, и каждое утро слышал чаек. " * 190  # 10,000 characters


@pytest.fixture
def server(monkeypatch):
    server = TranslationServer()
    monkeypatch.setattr(Google, "address", f"{server.address}/m")
    monkeypatch.setattr(MyMemory, "address", f"{server.address}/get")
    monkeypatch.setattr(bounded, "WHOLE_SECONDS", 0.6)
    monkeypatch.setattr(bounded, "READ_SECONDS", 0.3)
    monkeypatch.setattr(posting, "WHOLE_SECONDS", 0.6)
    yield server
    server.close()


def ask(server, name, text="Where is home?", source="en", target="ru", **account):
    account = {"address": server.address, "key": "k" * 20, **account}
    translator = TRANSLATORS[name].open(Account(**account))
    return asyncio.run(text_translate(translator, text, source=source, target=target, outward=True))


@pytest.mark.parametrize("name", SERVICES)
def test_a_text_comes_back_in_the_other_language(server, name):
    assert ask(server, name) == "«ru» Where is home?"
    assert len(server.requests) == 1


@pytest.mark.parametrize("name", SERVICES)
@pytest.mark.parametrize(
    ("how", "words"),
    [
        ("slow", "in time"), ("429", "no more text"), ("500", "fault of its own"), ("none", "no translation"),
        ("empty", "no translation"), ("same", "untranslated"), ("garbage", "no translation"),
    ],
)  # fmt: skip
def test_a_failure_is_a_sentence(server, name, how, words):
    server.how = how
    begun = time.monotonic()
    with pytest.raises(TranslationFailed, match=words):
        ask(server, name)
    assert time.monotonic() - begun < 3


@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_sends_a_byte_at_a_time_has_an_end(server, name):
    server.how = "trickle"
    with pytest.raises(TranslationFailed, match="in time"):
        ask(server, name)


@pytest.mark.parametrize("name", SERVICES)
def test_ten_thousand_cyrillic_characters_go_in_pieces_and_none_is_lost(server, name):
    found = ask(server, name, LONG, source="ru", target="en")
    assert found.replace("«en» ", "") == LONG
    assert len(server.requests) == {"google": 9, "mymemory": 38, "libretranslate": 7, "deepl": 1}[name]


@pytest.mark.parametrize("name", SERVICES)
def test_a_server_that_is_away_is_told(server, name):
    server.close()
    with pytest.raises(TranslationFailed, match="cannot be reached"):
        ask(server, name)


def test_mymemory_s_success_that_is_none(server):
    server.how = "quota"
    with pytest.raises(TranslationFailed, match="allowance"):
        ask(server, "mymemory")
    with pytest.raises(TranslationFailed):
        asyncio.run(MyMemory().translate("x" * 490, "en", "xx"))


def test_mymemory_is_asked_over_an_encrypted_connection():
    assert TRANSLATORS["mymemory"].address.startswith("https://")


def test_deepl_and_libretranslate_get_their_key_as_they_want_it(server):
    ask(server, "deepl", key="d" * 20, target="en", source="ru")
    ask(server, "libretranslate", key="l" * 20)
    (_, asked, headers), (_, own, _headers) = server.requests
    assert (headers["authorization"], asked["target_lang"]) == ("DeepL-Auth-Key " + "d" * 20, "EN-GB")
    assert own == {"q": "Where is home?", "source": "en", "target": "ru", "format": "text", "api_key": "l" * 20}


def test_a_free_key_goes_to_the_free_address_alone():
    def recipient(key):
        return TRANSLATORS["deepl"].open(Account(key=key)).recipient

    assert (recipient("abc:fx"), recipient("abc")) == ("api-free.deepl.com", "api.deepl.com")


@pytest.mark.parametrize("name", ["libretranslate", "deepl", "chat"])
def test_what_is_not_set_up_says_so(name):
    with pytest.raises(TranslationFailed, match="not set up"):
        TRANSLATORS[name].open(Account())


def test_an_address_of_a_cloud_s_inside_is_refused(server):
    with pytest.raises(TranslationFailed, match="not the address"):
        ask(server, "libretranslate", address="http://169.254.169.254")


def test_calls_at_once_do_not_mix(server):
    async def both():
        translators = [TRANSLATORS[name].open(Account()) for name in ("google", "mymemory") for _ in range(8)]
        texts = [f"text number {number}" for number in range(16)]
        tasks = [
            text_translate(each, text, source="en", target="ru", outward=True)
            for each, text in zip(translators, texts, strict=True)
        ]
        return await asyncio.gather(*tasks), texts

    found, texts = asyncio.run(both())
    assert found == [f"«ru» {text}" for text in texts]


@pytest.fixture
def model():
    engine = FakeEngine()
    engine.replies = [["Где", " дом?"]]
    server = serve(engine)
    engine.endpoint = Endpoint(f"{server.url}/v1", "sk-1", "other")
    yield engine
    server.shutdown()
    server.server_close()


def test_a_chat_model_is_told_that_the_text_is_no_order(model):
    assert ask(types.SimpleNamespace(address=""), "chat", endpoint=model.endpoint, model="big") == "Где дом?"
    [request] = model.generated
    assert request["model"] == "big"
    assert "not instructions" in request["messages"][0]["content"]
    assert request["messages"][1]["content"] == "<text>Where is home?</text>"
    assert model.headers[0]["authorization"] == "Bearer sk-1"


def test_half_a_translation_of_a_chat_model_is_none(model):
    model.finish = "length"
    with pytest.raises(TranslationFailed, match="no translation"):
        ask(types.SimpleNamespace(address=""), "chat", endpoint=model.endpoint, model="big")


def test_a_chat_model_that_fails_is_told(model):
    model.status["/v1/chat/completions"] = 500
    with pytest.raises(TranslationFailed, match="failed"):
        ask(types.SimpleNamespace(address=""), "chat", endpoint=model.endpoint, model="big")


class Pair:
    def get_translation(self, other):
        return types.SimpleNamespace(translate=lambda text: f"«{other.code}» {text}")


def test_argos_translates_here_if_the_person_installed_it(monkeypatch):
    with pytest.raises(TranslationFailed, match="not installed"):
        TRANSLATORS["argos"].open(Account())
    russian, english = Pair(), Pair()
    russian.code, english.code = "ru", "en"
    program = types.SimpleNamespace(get_installed_languages=lambda: [russian, english])
    monkeypatch.setattr("chat.translation.translators.argos.find_spec", lambda _name: True)
    monkeypatch.setattr("chat.translation.translators.argos.import_module", lambda _name: program)
    translator = TRANSLATORS["argos"].open(Account())
    assert translator.recipient == ""
    assert asyncio.run(translator.translate("home", "en", "ru")) == "«ru» home"
    with pytest.raises(TranslationFailed, match="no model"):
        asyncio.run(translator.translate("home", "en", "fr"))

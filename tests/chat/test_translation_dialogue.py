"""A dialogue in another language than the persona's, over servers that play the engine and a translator."""

import pytest

from chat.models import Conversation, Message, TranslatedText, TranslationSetup
from chat.translation import services
from chat.translation.services import Fields
from questionnaires.services import Refused
from tests.chat.translation_server import TranslationServer
from training.models import Connection

HOME = "Where is your home?"


@pytest.fixture
def server():
    server = TranslationServer()
    yield server
    server.close()


@pytest.fixture
def setup(persona, server):
    """LibreTranslate on this computer, agreed to, and on for every conversation."""
    fields = Fields(address=server.address, key="key-of-libre")
    return services.setup_save(persona=persona, translator="libretranslate", fields=fields, consent=True)


@pytest.fixture
def russian(setup, engine, told, version, server, answered, monkeypatch):
    """Asks in Russian; the translator knows this question."""
    known = {
        ("Где твой дом?", "en"): HOME,
        ("I grew up by the sea.", "ru"): "Я вырос у моря.",
        ("А почему?", "en"): "And why?",
    }
    monkeypatch.setattr(server, "answer", lambda text, target: known.get((text, target), f"«{target}» {text}"))
    return lambda text="Где твой дом?": answered(text, version=version)


def test_the_message_is_asked_in_the_persona_s_language_and_the_reply_comes_back(russian, engine):
    reply = russian()
    assert engine.bodies("/v1/rerank")[0]["query"] == HOME
    assert engine.generated[0]["messages"][-1]["content"] == HOME
    assert (reply.text, reply.translation, reply.language) == ("I grew up by the sea.", "Я вырос у моря.", "ru")
    said = reply.parent
    assert (said.text, said.translation, said.language) == ("Где твой дом?", HOME, "ru")
    assert said.translator == reply.translator == "LibreTranslate"


def test_a_follow_up_leans_on_what_the_persona_heard(russian, engine):
    russian()
    russian("А почему?")
    second = engine.bodies("/v1/rerank")[1]
    assert (second["query"], second["context"]) == ("And why?", HOME)


def test_a_message_in_the_persona_s_language_is_sent_to_nobody(russian, server):
    reply = russian("Where did you grow up?")
    assert (reply.translation, reply.language, server.requests) == ("", "", [])


def test_a_fixed_language_holds_whatever_the_person_writes(russian, persona, server, post):
    russian()
    services.mode_choose(persona=persona, conversation=Conversation.objects.get(), mode="de")
    reply = russian("Where did you grow up?")
    assert (reply.translation, reply.language) == ("«de» I grew up by the sea.", "de")
    assert reply.parent.translation == ""


def test_off_is_off_for_one_conversation(russian, persona, server):
    russian()
    services.mode_choose(persona=persona, conversation=Conversation.objects.get(), mode="off")
    asked = len(server.requests)
    assert russian().translation == ""
    assert len(server.requests) == asked


def test_the_same_text_is_asked_for_once(russian, server):
    russian()
    russian()
    assert len(server.requests) == 2
    assert TranslatedText.objects.count() == 2


@pytest.mark.parametrize("how", ["429", "500", "none", "empty", "same", "garbage"])
def test_a_message_that_cannot_be_translated_is_kept_and_the_reply_says_why(setup, engine, told, server, answered, how):
    server.how = how
    reply = answered("Где твой дом?")
    assert (reply.state, reply.parent.text) == ("failed", "Где твой дом?")
    assert "it is kept" in reply.error
    assert "LibreTranslate" in reply.error
    assert engine.requests == []
    server.how = ""
    again = answered("Где твой дом?")
    assert (again.state, again.parent.translation) == ("done", "«en» Где твой дом?")


def test_a_reply_that_cannot_be_translated_is_shown_as_it_is(russian, server, monkeypatch):
    first = server.answer
    monkeypatch.setattr(server, "answer", lambda text, target: first(text, target) if target == "en" else None)
    reply = russian()
    assert (reply.state, reply.text, reply.translation) == ("done", "I grew up by the sea.", "")
    assert reply.translation_fault == "LibreTranslate gave no translation back."


def test_names_are_the_person_s(russian, persona, server):
    services.names_save(persona=persona, text="Inside Out = Головоломка\n\nNida")
    russian("Ты любишь Головоломка, Ada?")
    sent = server.requests[0][1]["q"]
    assert "Головоломка" not in sent
    assert "Ada" not in sent
    assert Message.objects.get(number=1).translation == "«en» Ты любишь Inside Out, Ada?"


def test_nothing_is_sent_to_whom_the_person_did_not_agree_to(persona, server):
    fields = Fields(address=server.address)
    with pytest.raises(Refused, match=server.address.removeprefix("http://")):
        services.setup_save(persona=persona, translator="libretranslate", fields=fields, consent=False)
    assert not TranslationSetup.objects.exists()


def test_an_agreement_is_for_one_host(setup, persona, russian, server):
    TranslationSetup.objects.update(address="http://127.0.0.2:1")
    reply = russian()
    assert reply.state == "failed"
    assert server.requests == []


def test_another_address_drops_the_key(setup, persona, server):
    assert "key-of-libre" not in setup.sealed_key
    fields = Fields(address="http://127.0.0.1:9")
    moved = services.setup_save(persona=persona, translator="libretranslate", fields=fields, consent=True)
    assert moved.sealed_key == ""


def test_the_key_stays_where_its_field_is_left_empty(setup, persona, server):
    fields = Fields(address=server.address + "/")
    kept = services.setup_save(persona=persona, translator="libretranslate", fields=fields, consent=False)
    assert kept.sealed_key == setup.sealed_key


def test_a_stranger_s_connection_cannot_be_chosen(persona, stranger):
    other = Connection.objects.create(owner=stranger, preset="other", name="x", base_url="http://127.0.0.1:9/v1")
    fields = Fields(connection=str(other.pk), model="m")
    with pytest.raises(Refused, match="Choose a connection"):
        services.setup_save(persona=persona, translator="chat", fields=fields, consent=True)


@pytest.mark.parametrize(
    ("name", "fields", "words"),
    [
        ("babel", Fields(), "no translator"),
        ("deepl", Fields(), "missing"),
        ("deepl", Fields(key="with space"), "Latin letters"),
        ("libretranslate", Fields(), "address"),
        ("libretranslate", Fields(address="http://169.254.169.254"), "not the address"),
        ("argos", Fields(), "not installed"),
    ],
)
def test_what_cannot_work_is_refused(persona, name, fields, words):
    with pytest.raises(Refused, match=words):
        services.setup_save(persona=persona, translator=name, fields=fields, consent=True)


def test_names_that_are_none_are_refused(persona):
    with pytest.raises(Refused, match="is no name"):
        services.names_save(persona=persona, text="= x")
    with pytest.raises(Refused, match="more than 300"):
        services.names_save(persona=persona, text="\n".join(f"Name {n}" for n in range(301)))


def test_without_a_translator_there_is_no_translation_to_choose(persona):
    with pytest.raises(Refused, match="No translator"):
        services.mode_choose(persona=persona, conversation=None, mode="auto")
    with pytest.raises(Refused, match="no language"):
        services.mode_choose(persona=persona, conversation=None, mode="xx")


def test_dropping_it_forgets_key_and_agreement(setup, persona):
    services.names_save(persona=persona, text="Nida")
    services.setup_drop(persona=persona)
    setup.refresh_from_db()
    assert (setup.translator, setup.sealed_key, setup.consents, setup.mode) == ("", "", {}, "off")
    assert services.names_as_text(setup) == "Nida"


def test_both_texts_are_on_the_page(russian, visitor, persona):
    reply = russian()
    page = visitor.get(f"/p/{persona.pk}/chat/{reply.conversation_id}/").content.decode()
    for text in ("Где твой дом?", HOME, "Я вырос у моря.", "I grew up by the sea.", "translated by LibreTranslate"):
        assert text in page


def test_a_correction_is_kept_under_the_question_as_the_persona_heard_it(russian, persona):
    from chat.corrections import correction_save

    correction_save(reply=russian(), text="By the sea, I said.")
    assert persona.answers.get(question__persona=persona).question.text == HOME


def test_an_export_has_both_texts(russian, visitor, persona):
    from chat.conversations import export_json, export_markdown

    talk = russian().conversation
    for exported in (export_json(conversation=talk), export_markdown(conversation=talk)):
        assert all(text in exported for text in ("Где твой дом?", HOME, "Я вырос у моря.", "I grew up by the sea."))

"""The bot with translation, and where Telegram calls instead of being asked."""

import json

import pytest
from asgiref.sync import sync_to_async
from django.test import Client

from chat.models import Conversation, Message
from chat.telegram import webhook
from chat.translation import services
from chat.translation.services import Fields
from tests.chat.translation_server import TranslationServer
from tests.telegram.bot_api import TOKEN
from tests.telegram.conftest import until

pytestmark = pytest.mark.django_db
KNOWN = {
    ("Где твой дом?", "en"): "Where is home?",
    ("I grew up by the sea.", "ru"): "Я вырос у моря.",
    ("У озера.", "en"): "By the lake.",
}


@pytest.fixture
def translator(persona, monkeypatch):
    server = TranslationServer()
    monkeypatch.setattr(server, "answer", lambda text, target: KNOWN.get((text, target), f"«{target}» {text}"))
    fields = Fields(address=server.address)
    services.setup_save(persona=persona, translator="libretranslate", fields=fields, consent=True)
    yield server
    server.close()


def test_a_translated_reply_shows_both_texts_and_a_correction_is_translated(
    api, phone, linked, persona, engine, told, with_bot, translator
):
    async def scenario():
        phone.say("Где твой дом?")
        await until(lambda: phone.seen == ["Я вырос у моря.\n\n(I grew up by the sea.)"])
        phone.say("Я бы сказал: У озера.", reply_to=phone.ids[0])
        await until(lambda: len(phone.seen) == 2)

    with_bot(scenario)
    answer = persona.answers.get(question__persona=persona)
    assert (answer.question.text, answer.text) == ("Where is home?", "By the lake.")


def test_a_failed_translation_is_told_and_the_reply_is_there(
    api, phone, linked, engine, told, with_bot, translator, monkeypatch
):
    def half(text, target):
        return KNOWN[text, target] if target == "en" else None

    monkeypatch.setattr(translator, "answer", half)

    async def scenario():
        phone.say("Где твой дом?")
        await until(lambda: phone.seen and phone.seen[0].startswith("I grew up by the sea.\n\n(LibreTranslate gave no"))

    with_bot(scenario)


def test_lang_chooses_for_this_conversation(api, phone, linked, engine, told, with_bot, translator):
    async def scenario():
        phone.say("/lang DE")
        await until(lambda: phone.seen == ["Translation: German."])
        phone.say("Where is home?")
        await until(lambda: phone.seen[-1] == "«de» I grew up by the sea.\n\n(I grew up by the sea.)")
        phone.say("/lang xx")
        await until(lambda: len(phone.seen) == 3)

    with_bot(scenario)
    assert Conversation.objects.get().translation == "de"
    assert "no language “xx”" in phone.seen[2]


def test_where_the_site_has_an_address_telegram_calls_it(api, phone, linked, engine, told, with_bot, settings):
    settings.PUBLIC_URL = "https://ada.example"

    async def scenario():
        await until(lambda: api.webhook)
        update = {"update_id": 9, "message": phone.message("Where are you from?")}
        for _twice in range(2):
            assert await sync_to_async(call)(update) == 200
        await until(lambda: phone.seen == ["I grew up by the sea."])

    def call(update):
        headers = {webhook.HEADER: api.webhook[1]}
        answer = Client().post(
            "/telegram/webhook/", json.dumps(update), content_type="application/json", headers=headers
        )
        return answer.status_code

    with_bot(scenario)
    assert api.webhook == ("https://ada.example/telegram/webhook/", webhook.secret_of(TOKEN))
    assert api.count("getUpdates") == 0
    assert Message.objects.count() == 2


def test_without_an_address_an_earlier_webhook_is_taken_back(api, phone, linked, with_bot):
    api.webhook = ("https://old.example", "s")

    async def scenario():
        phone.say("/help")
        await until(lambda: phone.seen)

    with_bot(scenario)
    assert api.webhook is None


def test_a_message_whose_acknowledgement_was_lost_is_still_shown_whole(api, phone, linked, engine, told, with_bot):
    api.drop_after = "sendMessage"

    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: phone.seen and phone.seen[-1] == "I grew up by the sea.")

    with_bot(scenario)
    assert Message.objects.filter(role="persona").count() == 1

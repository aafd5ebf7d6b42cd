"""The bot from update to message, over loopback servers that play Telegram and the engine."""

import asyncio
from datetime import timedelta
from itertools import pairwise

import pytest
from asgiref.sync import async_to_sync, sync_to_async
from django.utils import timezone

from chat import replies
from chat.models import Conversation, Message, TelegramAccount, TelegramBot, TelegramDelivery, TelegramUpdate
from chat.telegram import bot as bot_module
from chat.telegram import limits, linking
from chat.telegram.bot import Bot
from chat.telegram.inbox import bot_name, updates_store
from chat.telegram.talking import message_take
from tests.chat.conftest import make_version
from tests.telegram.bot_api import TOKEN, Phone
from tests.telegram.conftest import listening, until

pytestmark = pytest.mark.django_db


def test_a_message_is_answered_as_on_the_web_and_stands_there_too(api, phone, linked, engine, told, version, with_bot):
    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: phone.seen == ["I grew up by the sea."])

    with_bot(scenario)
    said, reply = Message.objects.all()
    assert (said.text, reply.text, reply.state) == ("Where are you from?", "I grew up by the sea.", "done")
    assert reply.version == version
    assert reply.sources[0]["slug"] == "q0"
    assert Conversation.objects.get().pk == linked.conversation_id
    assert api.count("sendChatAction") >= 1


def test_a_reply_grows_by_edits_of_one_message(api, phone, linked, engine, told, with_bot):
    engine.pause, engine.replies = 0.12, [[f"word{n} " for n in range(12)]]

    async def scenario():
        phone.say("Tell me")
        first = await until(lambda: phone.seen and phone.seen[0])
        assert first.endswith(" …")
        await until(lambda: phone.seen == [" ".join(f"word{n}" for n in range(12))])

    with_bot(scenario)
    assert api.count("sendMessage") == 1
    times = [at for method, _parameters, at in api.calls if method == "editMessageText"]
    assert len(times) >= 4
    assert min(after - before for before, after in pairwise(times[:-1])) >= 0.1  # the last one is the whole reply


def test_a_long_reply_comes_in_parts_and_none_is_lost(api, phone, linked, engine, told, with_bot):
    words = [f"{n}🙂 " for n in range(1500)]
    engine.replies = [["".join(words)]]

    async def scenario():
        phone.say("Tell me everything")
        await until(lambda: len(phone.seen) > 1 and not phone.seen[-1].endswith("…"))

    with_bot(scenario)
    assert " ".join(phone.seen) == "".join(words).strip()
    assert all(len(text.encode("utf-16-le")) // 2 <= 4096 for text in phone.seen)
    assert TelegramDelivery.objects.get().message_ids == phone.ids


def test_a_flood_limit_is_waited_for(api, phone, linked, engine, told, with_bot):
    api.fail("sendMessage", 429, "Too Many Requests: retry after 1", retry_after=1)

    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: phone.seen == ["I grew up by the sea."])

    with_bot(scenario)
    times = [at for method, _parameters, at in api.calls if method == "sendMessage"]
    assert len(times) == 2
    assert times[1] - times[0] >= 1


def test_an_edit_that_is_refused_for_flood_leaves_the_whole_reply(api, phone, linked, engine, told, with_bot):
    engine.pause = 0.2
    api.fail("editMessageText", 429, "Too Many Requests: retry after 1", retry_after=1)

    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: phone.seen == ["I grew up by the sea."])

    with_bot(scenario)


def test_an_update_that_comes_twice_is_answered_once(api, phone, linked, engine, told, with_bot):
    async def scenario():
        number = phone.say("Where are you from?")
        await until(lambda: phone.seen == ["I grew up by the sea."])
        api.push({"message": phone.message("Where are you from?")}, number)
        phone.say("And why?")
        await until(lambda: len(phone.seen) == 2)

    with_bot(scenario)
    assert len(engine.generated) == 2
    assert Message.objects.filter(role="person").count() == 2


def test_what_is_done_keeps_no_words(api, phone, linked, engine, told, with_bot):
    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: phone.seen == ["I grew up by the sea."])

    with_bot(scenario)
    [row] = TelegramUpdate.objects.all()
    assert (row.payload, row.done_at is not None) == ({}, True)


def test_unknown_updates_and_kinds_are_passed_over(api, phone, linked, engine, told, with_bot):
    async def scenario():
        api.push({"story_from_the_future": {"a": 1}})
        api.push({"message": phone.message(photo=[])})
        api.push({"edited_message": phone.message("Where?")})
        api.push({"message": {"message_id": "broken"}})
        phone.say("Where are you from?")
        await until(lambda: len(phone.seen) == 2)

    with_bot(scenario)
    assert phone.seen == ["I can read text alone. Please write it.", "I grew up by the sea."]
    assert not TelegramUpdate.objects.filter(done_at=None).exists()


@pytest.mark.parametrize("kind", ["group", "supergroup", "channel"])
def test_groups_are_left_alone(api, phone, linked, engine, told, with_bot, kind):
    async def scenario():
        Phone(api, user=phone.user, chat_type=kind).say("Where are you from?")
        Phone(api, user=5, is_bot=True).say("Where are you from?")
        phone.say("/help")
        await until(lambda: phone.seen)

    with_bot(scenario)
    assert list(api.chats) == [phone.user]
    assert engine.requests == []


def test_a_stranger_gets_one_sentence_and_nothing_of_the_persona(api, linked, engine, told, with_bot):
    stranger = Phone(api, user=666)

    async def scenario():
        for text in ("Where are you from?", "/model", "/new", "hello?"):
            stranger.say(text)
        stranger.press("v:bare")
        await until(lambda: sum(not update["update_id"] < 1005 for update in api.updates) == 0 and stranger.seen)
        await asyncio.sleep(0.3)

    with_bot(scenario)
    assert len(stranger.seen) == 1
    assert "private portrait" in stranger.seen[0]
    assert engine.requests == []
    assert not Message.objects.exists()


def test_a_code_links_once(api, persona, engine, told, with_bot):
    code = linking.code_make(persona=persona)
    ada, mallory = Phone(api, user=1, name="Ada"), Phone(api, user=2)

    async def scenario():
        ada.say(f"/start {code}")
        await until(lambda: ada.seen)
        mallory.say(f"/start {code}")
        await until(lambda: mallory.seen)
        ada.say("Where are you from?")
        await until(lambda: len(ada.seen) == 2)

    with_bot(scenario)
    assert "You can talk to Ada now" in ada.seen[0]
    assert "wrong, used or older" in mallory.seen[0]
    assert TelegramAccount.objects.get().name == "Ada"


def test_a_plain_code_is_taken_and_guesses_have_an_end(api, persona, with_bot):
    code = linking.code_make(persona=persona)
    ada, mallory = Phone(api, user=1, language="ru"), Phone(api, user=2)

    async def scenario():
        for n in range(8):
            mallory.say(f"/start WRONG{n}")
        ada.say(code.lower())
        await until(lambda: ada.seen)

    with_bot(scenario)
    assert len(mallory.seen) == 5
    assert TelegramAccount.objects.get().language == "ru"


def test_new_begins_a_conversation_and_start_draws_a_line(api, phone, linked, engine, told, with_bot):
    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: len(phone.seen) == 1)
        phone.say("/start")
        await until(lambda: len(phone.seen) == 2)
        phone.say("And why?")
        await until(lambda: len(phone.seen) == 3)
        phone.say("/new")
        await until(lambda: len(phone.seen) == 4)
        phone.say("Who are you?")
        await until(lambda: len(phone.seen) == 5)

    with_bot(scenario)
    assert Conversation.objects.count() == 2
    lines = list(Message.objects.filter(role="person").order_by("created_at").values_list("starts_afresh", flat=True))
    assert lines == [False, True, False]
    assert engine.bodies("/v1/rerank")[1]["context"] is None


def test_stop_ends_the_reply_at_once_and_says_so(api, phone, linked, engine, told, with_bot):
    engine.pause, engine.replies = 0.1, [[f"w{n} " for n in range(200)]]

    async def scenario():
        phone.say("Tell me all")
        await until(lambda: phone.seen)
        phone.say("/stop")
        await until(lambda: phone.seen[0].endswith("(stopped)"))

    with_bot(scenario)
    assert Message.objects.get(role="persona").state == "stopped"
    assert engine.gone.wait(5)


def test_there_may_be_nothing_to_stop(api, phone, linked, with_bot):
    async def scenario():
        phone.say("/stop")
        await until(lambda: phone.seen == ["There is no reply to stop."])

    with_bot(scenario)


def test_the_model_is_chosen_by_a_button_or_a_number(api, phone, linked, persona, engine, told, with_bot):
    first, second = make_version(persona, number=1), make_version(persona, number=2)

    async def scenario():
        phone.say("/model")
        await until(lambda: phone.seen)
        assert "Version 2 answers now" in phone.seen[0]
        [(_name, _data), (_second, button)], [(_bare, _)] = api.buttons[phone.ids[0]]
        phone.press(button)
        await until(lambda: len(phone.seen) == 2)
        phone.say("Where are you from?")
        await until(lambda: len(phone.seen) == 3)
        phone.say("/model bare")
        await until(lambda: len(phone.seen) == 4)
        phone.say("/model 7")
        await until(lambda: len(phone.seen) == 5)

    with_bot(scenario)
    assert phone.seen[1] == "Version 1 answers from now on."
    assert engine.generated[0]["model"] == str(first.pk)
    assert "untrained" in phone.seen[3]
    assert "no such version" in phone.seen[4]
    assert api.count("answerCallbackQuery") == 1
    assert second.is_current


def test_without_a_translator_lang_says_what_to_do(api, phone, linked, with_bot):
    async def scenario():
        phone.say("/lang")
        await until(lambda: phone.seen)
        phone.press("l:auto")
        await until(lambda: len(phone.seen) == 2)

    with_bot(scenario)
    assert phone.seen[0].startswith("Translation: off.")
    assert "open the translation page" in phone.seen[1]


def test_help_lists_what_the_menu_has_in_both_languages(api, phone, linked, with_bot):
    async def scenario():
        phone.say("/help@loopback_bot")
        phone.say("/unheard_of")
        await until(lambda: len(phone.seen) == 2)

    with_bot(scenario)
    assert set(api.menus) == {"en", "ru"}
    assert all(f"/{each['command']} – {each['description']}" in phone.seen[0] for each in api.menus["en"])
    assert phone.seen[0] == phone.seen[1]


def test_what_was_never_told_says_how_to_tell_it(api, phone, linked, engine, told, with_bot):
    engine.known = False

    async def scenario():
        phone.say("Do you have a sister?")
        await until(lambda: phone.seen)

    with_bot(scenario)
    assert "I never told it that." in phone.seen[0]
    assert "I would say" in phone.seen[0]


def test_a_reply_with_the_person_s_own_words_becomes_an_answer(api, phone, linked, persona, engine, told, with_bot):
    async def scenario():
        phone.say("What is your favourite soup?")
        await until(lambda: phone.seen == ["I grew up by the sea."])
        phone.say("I would say: borscht,\nmy aunt's.", reply_to=phone.ids[0])
        await until(lambda: len(phone.seen) == 2)
        phone.say("I would say: nothing.", reply_to=4242)
        await until(lambda: len(phone.seen) == 3)

    with_bot(scenario)
    assert phone.seen[1].startswith("Learned.")
    assert "Reply to one of my messages" in phone.seen[2]
    answer = persona.answers.get(question__persona=persona)
    assert (answer.text, answer.question.text) == ("borscht,\nmy aunt's.", "What is your favourite soup?")
    assert persona.corrections.get().source == "telegram"


def test_a_guest_talks_and_corrects_nothing(api, phone, persona, engine, told, with_bot):
    code = linking.code_make(persona=persona, is_guest=True)

    async def scenario():
        phone.say(f"/start {code}")
        await until(lambda: len(phone.seen) == 1)
        phone.say("Where are you from?")
        await until(lambda: len(phone.seen) == 2)
        phone.say("I would say: Mars.", reply_to=phone.ids[1])
        await until(lambda: len(phone.seen) == 3)

    with_bot(scenario)
    assert "Its owner can read this conversation" in phone.seen[0]
    assert "Only the person themself" in phone.seen[2]
    assert not persona.corrections.exists()


def test_messages_that_come_at_once_are_answered_in_turn(api, phone, linked, engine, told, with_bot):
    engine.replies = [["one"], ["two"], ["three"]]

    async def scenario():
        for text in ("First?", "Second?", "Third?"):
            phone.say(text)
        await until(lambda: phone.seen == ["one", "two", "three"])

    with_bot(scenario)
    said = Message.objects.filter(role="person").order_by("number").values_list("text", flat=True)
    assert list(said) == ["First?", "Second?", "Third?"]


def test_too_many_messages_a_minute_are_not_read(api, phone, linked, engine, told, with_bot, monkeypatch):
    engine.replies = [["ok"]]
    monkeypatch.setattr(limits, "A_MINUTE", 3)

    async def scenario():
        for n in range(6):
            phone.say(f"Question {n}?")
        await until(lambda: sum("One at a time" in text for text in phone.seen) == 1 and len(phone.seen) == 4)

    with_bot(scenario)
    assert Message.objects.filter(role="person").count() == 3


def test_a_backlog_of_slow_writing_is_no_flood(api, phone, linked, engine, told, with_bot, monkeypatch):
    engine.replies = [["ok"]]
    monkeypatch.setattr(limits, "A_MINUTE", 3)

    async def scenario():
        for n in range(5):
            phone.say(f"Question {n}?", at=timezone.now().timestamp() - 3600 + 60 * n)
        await until(lambda: len(phone.seen) == 5)

    with_bot(scenario)


def test_who_blocked_the_bot_is_left_alone_until_they_write(api, phone, linked, engine, told, with_bot):
    api.fail("sendChatAction", 403, "Forbidden: bot was blocked by the user")

    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: api.count("sendChatAction"))
        await asyncio.sleep(0.3)
        assert phone.seen == []
        assert (await sync_to_async(TelegramAccount.objects.get)()).blocked_at
        phone.say("And now?")
        await until(lambda: phone.seen)

    with_bot(scenario)
    assert TelegramAccount.objects.get().blocked_at is None


def test_a_reply_that_the_person_deleted_while_it_grew_comes_anew(api, phone, linked, engine, told, with_bot):
    engine.pause = 0.4

    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: phone.seen)
        del api.chats[phone.user][phone.ids[0]]
        await until(lambda: phone.seen == ["I grew up by the sea."])

    with_bot(scenario)


def test_telegram_goes_away_and_comes_back(api, phone, linked, engine, told, with_bot):
    engine.pause = 0.15

    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: engine.generated)
        await sync_to_async(api.stop)()
        await asyncio.sleep(1.0)
        await sync_to_async(api.start)()
        await until(lambda: phone.seen == ["I grew up by the sea."])
        phone.say("And why?")
        await until(lambda: len(phone.seen) == 2)

    with_bot(scenario)
    assert len(engine.generated) == 2


def test_a_bot_that_starts_before_telegram_is_there_waits(api, phone, linked, engine, told):
    async def scenario():
        await sync_to_async(api.stop)()
        async with listening(api):
            await asyncio.sleep(0.3)
            await sync_to_async(api.start)()
            phone.say("Where are you from?")
            await until(lambda: phone.seen == ["I grew up by the sea."])

    async_to_sync(scenario)()


def test_what_came_while_the_bot_was_away_is_answered(api, phone, linked, engine, told, with_bot):
    phone.say("Where are you from?")

    async def scenario():
        await until(lambda: phone.seen == ["I grew up by the sea."])

    with_bot(scenario)


def test_an_update_that_was_stored_and_not_worked_on_is_not_lost(api, phone, linked, engine, told, with_bot):
    update = {"update_id": 5, "message": phone.message("Where are you from?")}
    assert updates_store(bot=bot_name(TOKEN), updates=[update, update]) == 1

    async def scenario():
        await until(lambda: phone.seen == ["I grew up by the sea."])

    with_bot(scenario)
    assert TelegramUpdate.objects.get().done_at


def test_a_restart_in_the_middle_of_a_reply_says_that_it_was_cut(api, phone, linked, engine, told, monkeypatch):
    engine.pause, engine.replies = 0.15, [[f"w{n} " for n in range(100)]]
    monkeypatch.setattr(bot_module, "LAST_SECONDS", 0.1)

    async def scenario():
        async with listening(api):
            phone.say("Tell me all")
            await until(lambda: phone.seen)
        assert phone.seen[0].endswith("…")
        for writing in list(replies._tasks):  # as the end of a process does
            writing.cancel()
        await asyncio.sleep(0.2)
        async with listening(api):
            await until(lambda: not phone.seen[0].endswith("…"))

    async_to_sync(scenario)()
    assert len(phone.seen) == 1
    assert phone.seen[0].startswith("w0")
    assert "broke off" in phone.seen[0]
    assert TelegramDelivery.objects.get().done_at


def test_a_reply_whose_process_was_killed_is_ended_by_the_next(api, phone, linked, engine, told, with_bot):
    row = message_take(account=linked, text="Where are you from?", update_id=1)
    long_ago = timezone.now() - timedelta(seconds=60)
    Message.objects.filter(pk=row.reply_id).update(state="streaming", text="I grew", heartbeat_at=long_ago)
    api.chats[phone.user] = {500: "I gr …"}
    TelegramDelivery.objects.update(message_ids=[500])

    async def scenario():
        await until(lambda: "broke off" in phone.seen[0])

    with_bot(scenario)
    assert len(phone.seen) == 1
    assert phone.seen[0].startswith("I grew")
    assert engine.generated == []


def test_a_reply_that_nobody_began_is_written_after_the_restart(api, phone, linked, engine, told, with_bot):
    message_take(account=linked, text="Where are you from?", update_id=1)

    async def scenario():
        await until(lambda: phone.seen == ["I grew up by the sea."])

    with_bot(scenario)
    assert len(engine.generated) == 1


def test_a_conversation_that_was_deleted_on_the_site_is_followed_by_another(api, phone, linked, engine, told, with_bot):
    async def scenario():
        phone.say("Where are you from?")
        await until(lambda: len(phone.seen) == 1)
        await sync_to_async(Conversation.objects.update)(deleted_at=timezone.now())
        phone.say("And why?")
        await until(lambda: len(phone.seen) == 2)

    with_bot(scenario)
    assert Conversation.objects.filter(deleted_at=None).count() == 1


def test_a_wrong_token_is_told_and_tried_again_without_showing_it(api, linked, caplog):
    async def scenario():
        stop = asyncio.Event()
        task = asyncio.create_task(Bot("1:wrong-token", api.address).run(stop))
        await until(lambda: caplog.text.count("refuses the token") > 1)
        stop.set()
        await task

    async_to_sync(scenario)()
    assert "refuses the token" in TelegramBot.objects.get().trouble
    assert "wrong-token" not in caplog.text


def test_another_program_with_the_token_is_told(api, linked, caplog, with_bot):
    for _time in range(3):
        api.fail("getUpdates", 409, "Conflict: terminated by other getUpdates request")

    async def scenario():
        await until(lambda: "Another program" in caplog.text)
        await until(lambda: api.count("getUpdates") > 4)

    with_bot(scenario)
    assert TelegramBot.objects.get().trouble == ""  # it listens again

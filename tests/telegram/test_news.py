"""That a training ended is told once, to whom it belongs."""

from datetime import timedelta

import pytest
from django.utils import timezone

from chat.models import TelegramNews
from chat.telegram import linking
from tests.telegram.bot_api import Phone
from tests.telegram.conftest import until
from training.models import PersonaModel, TrainingRun

pytestmark = pytest.mark.django_db


def ended(persona, state="ready", ago=0, **fields):
    run = TrainingRun.objects.create(
        owner=persona.owner, persona=persona, base_model="b", state=state,
        finished_at=timezone.now() - timedelta(seconds=ago), **fields,
    )  # fmt: skip
    if state == "ready":
        PersonaModel.objects.create(
            owner=persona.owner, persona=persona, run=run, number=3, name="v3", base_model="b", format="chat",
            spoken_name="Ada", data_hash="0" * 64,
        )  # fmt: skip
    return run


def test_an_ended_training_is_told_once_to_its_owner_alone(api, phone, linked, persona, with_bot, settings):
    guest = Phone(api, user=5)
    code = linking.code_make(persona=persona, is_guest=True)
    linking.code_redeem(code=code, user_id=5, name="Guest", language="en")
    run = ended(persona)

    async def scenario():
        await until(lambda: phone.seen)
        phone.say("/help")
        await until(lambda: len(phone.seen) == 2)

    with_bot(scenario)
    assert phone.seen[0] == "The training of Ada is done: version 3. /model shows who answers."
    assert guest.seen == []
    assert TelegramNews.objects.get().run_id == run.pk


def test_it_is_tried_again_while_telegram_has_a_fault(api, phone, linked, persona, with_bot):
    ended(persona, "failed", error="The memory ran out.")
    api.fail("sendMessage", 502, "Bad Gateway")
    api.fail("sendMessage", 429, "Too Many Requests: retry after 0", retry_after=0)

    async def scenario():
        await until(lambda: phone.seen == ["The training of Ada failed. The memory ran out."])

    with_bot(scenario)


def test_what_ended_before_the_link_or_was_cancelled_is_no_news(api, phone, persona, with_bot, linked):
    ended(persona, "failed", ago=60)
    ended(persona, "cancelled")

    async def scenario():
        phone.say("/help")
        await until(lambda: phone.seen)

    with_bot(scenario)
    assert len(phone.seen) == 1
    assert not TelegramNews.objects.exists()


def test_a_training_that_is_taken_up_again_ends_again(api, phone, persona, with_bot, linked):
    run = ended(persona, "failed", error="It broke.")

    async def scenario():
        await until(lambda: phone.seen)

    with_bot(scenario)
    TrainingRun.objects.filter(pk=run.pk).update(state="failed", finished_at=timezone.now())

    async def again():
        await until(lambda: len(phone.seen) == 2)

    with_bot(again)


def test_the_page_is_linked_where_the_site_has_an_address(persona, linked, settings):
    from chat.telegram.news import news_collect

    settings.PUBLIC_URL = "https://ada.example"
    run = ended(persona)
    [(_row, text)] = news_collect()
    assert text.endswith(f"https://ada.example/p/{persona.pk}/train/{run.pk}/")

"""A bot between a Telegram and an engine that are both on loopback."""

import asyncio
from contextlib import asynccontextmanager

import pytest
from asgiref.sync import async_to_sync

from chat import replies, running
from chat.telegram import bot as bot_module
from chat.telegram import database, delivery, linking
from chat.telegram.bot import Bot
from tests.chat.conftest import engine, make_version, told, version  # noqa: F401
from tests.telegram.bot_api import TOKEN, BotApi, Phone


@pytest.fixture(autouse=True)
def one_connection(monkeypatch):
    """Tests run in a transaction: closing its connection would end it."""
    monkeypatch.setattr("questionnaires.threads.close_old_connections", lambda: None)
    monkeypatch.setattr(database, "close_old_connections", lambda: None)


@pytest.fixture(autouse=True)
def quick(monkeypatch, settings):
    settings.TELEGRAM_TOKEN = TOKEN
    for module, name, seconds in (
        (bot_module, "LOOK_SECONDS", 0.05),
        (bot_module, "NEWS_SECONDS", 0.1),
        (bot_module, "REFUSED_SECONDS", 0.1),
        (bot_module, "LAST_SECONDS", 3.0),
        (delivery, "EDIT_SECONDS", 0.1),
        (delivery, "TYPING_SECONDS", 0.3),
        (delivery, "FIRST_PAUSE", 0.05),
        (bot_module, "FIRST_PAUSE", 0.05),
        (running, "STORE_SECONDS", 0.1),
        (replies, "POLL_SECONDS", 0.05),
    ):
        monkeypatch.setattr(module, name, seconds)


@pytest.fixture
def api(settings):
    api = BotApi()
    settings.TELEGRAM_API_URL = api.address
    yield api
    api.stop()
    assert api.complaints == []


@pytest.fixture
def phone(api):
    return Phone(api)


@pytest.fixture
def linked(persona, phone):
    """The owner's own account."""
    code = linking.code_make(persona=persona)
    return linking.code_redeem(code=code, user_id=phone.user, name="Ada", language="en")


@asynccontextmanager
async def listening(api):
    """A bot for as long as the block lasts."""
    stop = asyncio.Event()
    task = asyncio.create_task(Bot(TOKEN, api.address).run(stop))
    try:
        yield task
    finally:
        stop.set()
        await task


async def until(condition, seconds=8.0):
    """Polls; fails the test after `seconds`."""
    for _look in range(int(seconds / 0.02)):
        if found := condition():
            return found
        await asyncio.sleep(0.02)
    raise AssertionError("It did not happen in time.")


@pytest.fixture
def with_bot(api):
    """Runs a scenario, a coroutine function, beside a bot."""

    def run(scenario):
        async def whole():
            async with listening(api):
                return await scenario()

        return async_to_sync(whole)()

    return run

"""The bot as a process of its own, stopped in the middle of a reply and started again."""

import os
import re
import signal
import sqlite3
import subprocess
import sys
import time
from pathlib import Path

import pytest

from tests.chat.fake_engine import FakeEngine, serve
from tests.telegram.bot_api import TOKEN, BotApi, Phone

pytestmark = pytest.mark.slow
ROOT = Path(__file__).parent.parent.parent
LINK = """
from chat.telegram.linking import code_make
from questionnaires.models import *
from persona_site.entry import owner_get
ada = Persona.objects.create(owner=owner_get(), name="Ada", language="en")
asked = Question.objects.create(slug="own", persona=ada, texts={"en": {"text": "Where is home?"}})
Answer.objects.create(owner=ada.owner, persona=ada, question=asked, state="answered", text="By the sea.")
print("code:", code_make(persona=ada))
"""


def manage(environment, *arguments):
    return subprocess.Popen(
        [sys.executable, "manage.py", *arguments], cwd=ROOT, env=environment, text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip


def until(condition, seconds=40):
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if found := condition():
            return found
        time.sleep(0.05)
    raise AssertionError("It did not happen in time.")


def test_a_bot_that_is_stopped_in_the_middle_of_a_reply_goes_on_with_the_next_message(tmp_path):
    api, engine = BotApi(), FakeEngine()
    engine.pause, engine.replies = 0.3, [[f"w{n} " for n in range(80)], ["whole"]]
    server = serve(engine)
    environment = {
        **os.environ, "DATA_DIR": str(tmp_path / "data"), "TELEGRAM_TOKEN": TOKEN, "TELEGRAM_API_URL": api.address,
        "ENGINE_URL": server.url, "PUBLIC_URL": "", "DATABASE_URL": "", "NO_PROXY": "127.0.0.1",
    }  # fmt: skip
    migration = manage(environment, "migrate", "-v0")
    migration.communicate(timeout=200)
    assert migration.returncode == 0
    said, _ = manage(environment, "shell").communicate(LINK, 60)
    phone = Phone(api)
    bot = manage(environment, "telegram_bot")
    try:
        phone.say("/start " + re.search(r"code: (\w+)", said)[1])
        until(lambda: phone.seen)
        phone.say("Where is home?")
        until(lambda: len(phone.seen) == 2 and "w2" in phone.seen[1])
        bot.send_signal(signal.SIGTERM)
        printed, _ = bot.communicate(timeout=20)
        assert bot.returncode == 0, printed
        assert TOKEN not in printed
        bot = manage(environment, "telegram_bot")
        until(lambda: "broke off" in phone.seen[1])
        phone.say("And now?")
        until(lambda: len(phone.seen) == 3 and phone.seen[2] == "whole")
    finally:
        bot.kill()
        bot.communicate()
        server.shutdown()
        server.server_close()
        api.stop()
    with sqlite3.connect(tmp_path / "data" / "persona.sqlite3") as database:
        states = [state for (state,) in database.execute("select state from chat_message where role = 'persona'")]
    assert sorted(states) == ["cut", "done"]
    assert api.complaints == []

"""The command and the chat room over the real engine and the bundled base model."""

import io
import json
import os
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command

from chat import replies
from training.engine_process import engine_running

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def base_cache(tmp_path_factory):
    """A folder for the converted base model: a conversion takes 15 s, so a ready one may be named."""
    return Path(os.environ.get("ENGINE_TEST_CACHE") or tmp_path_factory.mktemp("base"))


@pytest.fixture
def real(settings, tmp_path, base_cache):
    settings.ENGINE_URL = "http://127.0.0.1:9"  # nobody listens there
    settings.MODELS_DIR, settings.BASE_DIR_CACHE = tmp_path, base_cache


def ask(*arguments):
    output = io.StringIO()
    call_command("ask", *arguments, "--persona", "Ada", "--json", stdout=output)
    return json.loads(output.getvalue())


def test_ask_starts_an_engine_answers_from_a_note_and_knows_what_it_was_not_told(real, told, tmp_path):
    questions = tmp_path / "questions.txt"
    questions.write_text("Where did you grow up?\n\nWho won the world cup in 1990?\n", encoding="utf-8")
    known, unknown = ask("--file", str(questions))["answers"]
    assert known["kind"] == "note"
    assert known["sources"][0]["question"] == "Where did you grow up?"
    assert known["reply"]
    assert known["finish"] in {"stop", "length"}
    assert known["first_ms"] > 0
    assert known["tokens"] > 0
    assert (unknown["kind"], unknown["reply"]) == ("unknown", "")
    assert unknown["probability"] < known["probability"]


def test_a_message_gets_its_reply(real, told, post):
    reply = post("Where did you grow up?")
    with engine_running():
        async_to_sync(replies.reply_write)(reply=reply)
    reply.refresh_from_db()
    assert reply.state == "done", reply.error
    assert reply.sources[0]["slug"] == "q0"

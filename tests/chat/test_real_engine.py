"""The command and the chat room over the real engine and the bundled base model."""

import io
import json
import os
from pathlib import Path

import pytest
from asgiref.sync import async_to_sync
from django.core.management import call_command

from chat import replies
from chat.corrections import correction_save
from chat.models import Conversation
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


def test_wrong_corrected_and_right_at_once(real, told, post):
    def write(text):
        reply = post(text)
        async_to_sync(replies.reply_write)(reply=reply)
        reply.refresh_from_db()
        return reply

    with engine_running():
        unknown = write("Which colour is your bicycle?")
        assert unknown.state == "unknown"
        correction_save(reply=unknown, text="My bicycle is dark green, with a basket.")
        right = write("Which colour is your bicycle?")  # the untrained model's words may be anything
        assert (right.state, right.sources[0]["question"]) == ("done", "Which colour is your bicycle?")
        Conversation.objects.update(manner="strict")
        assert write("Which colour is your bicycle?").text == "My bicycle is dark green, with a basket."
        correction_save(reply=write("Where did you grow up?"), text="I grew up in Klaipeda.", place="replace")
        assert write("Where did you grow up?").text == "I grew up in Klaipeda."
        assert write("In which town did you spend your childhood?").text == "I grew up in Klaipeda."

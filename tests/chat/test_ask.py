"""`manage.py ask`, over a server that plays the engine."""

import io
import json

import pytest
from django.core.management import call_command
from django.core.management.base import CommandError

from chat.models import Message
from tests.chat.conftest import make_version


def ask(*arguments):
    output = io.StringIO()
    call_command("ask", *arguments, "--persona", "Ada", stdout=output)
    return output.getvalue()


def test_the_reply_is_printed_with_its_sources_and_figures(engine, told, version):
    printed = ask("Where are you from?")
    assert "I grew up by the sea." in printed
    assert "2.500  Where did you grow up?" in printed
    for figure in ("probability 0.9", "finish stop", "first_ms ", "tokens 3", "seconds "):
        assert figure in printed
    assert not Message.objects.exists()


def test_what_was_never_told_is_printed_as_such(engine, told):
    engine.known = False
    assert "(I never told it that.)" in ask("A sister?")


@pytest.mark.parametrize("content", ['["One?", "Two?"]', "One?\n\n  Two?\n"])
def test_each_question_of_a_file_stands_alone(engine, told, tmp_path, content):
    file = tmp_path / "questions"
    file.write_text(content, encoding="utf-8")
    result = json.loads(ask("--file", str(file), "--json"))
    assert [answer["question"] for answer in result["answers"]] == ["One?", "Two?"]
    assert [body["context"] for body in engine.bodies("/v1/rerank")] == [None, None]
    assert [len(body["messages"]) for body in engine.generated] == [2, 2]


def test_the_current_version_is_asked_unless_another_one_is_named(engine, told, persona, settings):
    first, second = make_version(persona, number=1), make_version(persona, number=2)
    for arguments in [(), ("--version", "1"), ("--version", "v1"), ("--version", str(first.pk)), ("--version", "bare")]:
        ask("Hi", *arguments)
    models = [body["model"] for body in engine.generated]
    assert models == [str(second.pk), *[str(first.pk)] * 3, settings.BASE_MODEL]


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        (["Hi", "--version", "7"], "no version"),
        ([], "one question, or --file"),
        (["--file", "/no/such/file"], "cannot be read"),
    ],
)
def test_wrong_arguments_get_a_sentence(engine, told, arguments, sentence):
    with pytest.raises(CommandError, match=sentence):
        ask(*arguments)


def test_a_failure_of_the_engine_ends_with_its_sentence(engine, told):
    engine.status["/v1/rerank"] = 500
    with pytest.raises(CommandError, match="failed while it answered"):
        ask("Where?")

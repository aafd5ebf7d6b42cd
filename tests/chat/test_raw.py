"""Talking to a model that learned a program's file, in the chat room."""

import pytest

from chat.raw import RawRenderer
from questionnaires.dataset import Turn


@pytest.mark.parametrize("format", ["chat", "marker"])
def test_it_is_asked_with_the_bare_message_and_without_a_gate(engine, persona, version, answered, format):
    persona.made_from = "file"
    persona.save()
    version.format = format
    version.save()
    engine.replies = [["Q: not for", " a person's eyes ### "]]
    reply = answered("Where is Nida?", version=version)
    assert (reply.state, reply.text) == ("done", "Q: not for a person's eyes ###")
    ((path, body),) = engine.requests  # nothing was ranked
    if format == "chat":
        assert (path, body["messages"]) == ("/v1/chat/completions", [{"role": "user", "content": "Where is Nida?"}])
    else:
        assert (path, body["prompt"]) == ("/v1/completions", "Where is Nida?")
    assert body["model"] == str(version.pk)


def test_a_dialogue_keeps_its_turns():
    prompt = RawRenderer("chat").prompt("And you?", name="x", turns=[Turn("How are you?", "Well.")])
    assert [message["content"] for message in prompt] == ["How are you?", "Well.", "And you?"]
    assert RawRenderer("chat").begun(prompt, "I")[-1] == {"role": "assistant", "content": "I"}
    assert RawRenderer("marker").begun("Once", " upon") == "Once upon"

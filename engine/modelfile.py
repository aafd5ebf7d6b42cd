"""Ollama's Modelfile for an exported version: the very prompt, stop and settings that the chat uses.

Its template is written in Go's template language (docs/modelfile.md of Ollama). It is derived from the base model's own
chat template: a dialogue of marks is rendered, and what stands between the marks is the text between the turns.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from engine.errors import BadInput
from engine.serving.chat_template import ChatTemplate
from engine.serving.errors import ApiError

CONTEXT = 2048  # as the engine's server
MOST_TOKENS = 160

_MARKS = ("\x01system\x01", "\x01asked\x01", "\x01said\x01", "\x01asked again\x01")


@dataclass(frozen=True)
class Card:
    """How a version wants to be asked. `prompt` is a plain text with {question} and {reply} for the marker format;
    empty: the base model's chat template. `system` is the persona's system prompt.
    """

    title: str = "persona"
    system: str = ""
    stop: tuple[str, ...] = ()
    prompt: str = ""


def read_card(content: Mapping[str, Any]) -> Card:
    """A card from its JSON object; BadInput for a field that is none or has the wrong type."""
    known = {"title": str, "system": str, "stop": list, "prompt": str}
    for name, value in content.items():
        if name not in known or not isinstance(value, known[name]):
            raise BadInput(f"“{name}” in the card is unknown or of the wrong type. It takes: {', '.join(known)}.")
    values = {**content, "stop": tuple(map(str, content.get("stop", ())))}
    return Card(**values)


def modelfile(card: Card, template: str, base: str, adapter: str = "") -> str:
    """The text of a Modelfile. `base` and `adapter` are file names beside it."""
    lines = [f"FROM ./{base}"]
    if adapter:
        lines.append(f"ADAPTER ./{adapter}")
    lines.append(f"TEMPLATE {_quoted(template)}")
    if card.system:
        lines.append(f"SYSTEM {_quoted(card.system)}")
    lines += [f"PARAMETER stop {_parameter(stop)}" for stop in card.stop]
    lines += ["PARAMETER temperature 0", f"PARAMETER num_predict {MOST_TOKENS}", f"PARAMETER num_ctx {CONTEXT}"]
    return "\n".join(lines) + "\n"


def _quoted(text: str) -> str:
    """Between three quotation marks; a Modelfile knows no escape for them."""
    return '"""' + text.replace('"""', "'''") + '"""'


def _parameter(text: str) -> str:
    return '"' + text.replace('"', "'") + '"'


def plain_template(prompt: str) -> str:
    """The Go template of a text with {question} and {reply}."""
    return prompt.replace("{question}", "{{ .Prompt }}").replace("{reply}", "{{ .Response }}")


def chat_template(template: ChatTemplate, adds_bos: bool) -> str:
    """The Go template of a base model's chat template. BadInput if it has none, or one that refuses dialogues.

    `adds_bos`: whether llama.cpp itself puts the begin-of-sequence token before a prompt.
    """
    system, asked, said, again = _MARKS
    messages = [
        {"role": "system", "content": system},
        {"role": "user", "content": asked},
        {"role": "assistant", "content": said},
        {"role": "user", "content": again},
    ]
    try:
        text = template.render(messages)
    except ApiError as error:
        raise BadInput(str(error)) from error
    if adds_bos and template.bos_token:
        text = text.removeprefix(template.bos_token)
    return _go_template(_between(text, _MARKS))


def adds_bos(reader: Any) -> bool:
    """Whether llama.cpp puts the begin-of-sequence token before a prompt, by the GGUF in `reader`.

    Where the file does not say, SentencePiece vocabularies get it and others do not (llama-vocab.cpp).
    """
    said = reader.get_field("tokenizer.ggml.add_bos_token")
    if said is not None:
        return bool(said.contents())
    kind = reader.get_field("tokenizer.ggml.model")
    return kind is not None and kind.contents() == "llama"


def _between(text: str, marks: Sequence[str]) -> list[str]:
    pieces = []
    for mark in marks:
        piece, found, text = text.partition(mark)
        if not found:
            raise BadInput(
                "The base model's chat template leaves out a part of the dialogue; no Modelfile can say that."
            )
        pieces.append(piece)
    return pieces


def _go_template(pieces: Sequence[str]) -> str:
    """From the texts before the system prompt, the first question, the reply and the second question.

    What comes before a question is what both questions have in common at their end; the rest before the first one
    belongs to the system prompt, the rest before the second one to the reply.
    """
    before, first, reply, second = pieces
    common = _common_end(first, second)
    closing, ending = first.removesuffix(common), second.removesuffix(common)
    head = "{{ if .System }}" + before + "{{ .System }}" + closing + "{{ end }}"
    return head + common + "{{ .Prompt }}" + reply + "{{ .Response }}" + ending


def _common_end(one: str, other: str) -> str:
    length = 0
    while length < min(len(one), len(other)) and one[-length - 1] == other[-length - 1]:
        length += 1
    return one[len(one) - length :]

"""A model's chat template (Jinja, as transformers stores it), rendered without transformers."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NoReturn

from jinja2 import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from engine.dialogue import TEMPLATE_OPTIONS, render_dialogue
from engine.serving.backend import Message
from engine.serving.errors import ApiError


class ChatTemplate:
    """Renders dialogues; the template sees the variables that transformers' `apply_chat_template` gives."""

    def __init__(self, folder: Path) -> None:
        settings = _json(folder / "tokenizer_config.json")
        self.bos_token = _token(settings.get("bos_token"))
        self._variables = {"bos_token": self.bos_token, "eos_token": _token(settings.get("eos_token"))}
        file = folder / "chat_template.jinja"
        source = file.read_text(encoding="utf-8") if file.is_file() else settings.get("chat_template")
        self._template = _environment().from_string(source) if isinstance(source, str) else None

    def render(self, messages: Sequence[Message]) -> str:
        """The prompt that ends where the assistant's reply begins. Raises ApiError if the template refuses."""
        if self._template is None:
            raise ApiError(400, "This base model has no chat template. Use /v1/completions with a prompt.")
        try:
            return render_dialogue(self._render, messages)
        except TemplateError as error:
            raise ApiError(
                400, f"The model's chat template refuses these messages: {error}.", None, "messages"
            ) from error

    def _render(self, messages: Sequence[Message]) -> str:
        assert self._template is not None  # noqa: S101 (looked at by the caller)
        variables = {**TEMPLATE_OPTIONS, **self._variables}
        return self._template.render(messages=list(messages), add_generation_prompt=True, **variables)


def _environment() -> ImmutableSandboxedEnvironment:
    extensions = ["jinja2.ext.loopcontrols"]
    environment = ImmutableSandboxedEnvironment(trim_blocks=True, lstrip_blocks=True, extensions=extensions)
    environment.globals["raise_exception"] = _raise_exception
    environment.globals["strftime_now"] = lambda form: datetime.now(UTC).strftime(form)
    return environment


def _raise_exception(message: str) -> NoReturn:
    raise TemplateError(message)


def _json(file: Path) -> dict[str, Any]:
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    return content if isinstance(content, dict) else {}


def _token(value: object) -> str:
    """A special token is stored as its text or as an object with `content`."""
    if isinstance(value, dict):
        value = value.get("content")
    return value if isinstance(value, str) else ""

"""`manage.py ask "Where are you from?" --persona Ada`: one question, or a file of them, without a page."""

import json
from argparse import ArgumentParser
from contextlib import aclosing
from pathlib import Path
from typing import Any

from asgiref.sync import async_to_sync
from django.core.management.base import CommandError, CommandParser

from chat.answering import Asked, Reply, answer
from chat.errors import EngineError
from chat.grounding import Kind, Told, told_get
from chat.services import BARE, version_current
from chat.speakers import Speaker, speaker_get
from questionnaires.management.base import PersonaCommand
from questionnaires.models import Persona
from questionnaires.services import Refused
from training.engine_process import EngineDidNotStart, engine_running
from training.models import PersonaModel
from training.versions import version_named

NEVER_TOLD = "(I never told it that.)"


class Command(PersonaCommand):
    help = "Asks a persona. Each question is a conversation of its own; nothing is stored."

    def create_parser(self, prog_name: str, subcommand: str, **kwargs: Any) -> CommandParser:
        return super().create_parser(prog_name, subcommand, conflict_handler="resolve", **kwargs)  # for --version

    def add_arguments(self, parser: ArgumentParser) -> None:
        super().add_arguments(parser)
        parser.add_argument("text", nargs="?", help="the question")
        parser.add_argument("--file", type=Path, help="questions: one a line, or a JSON list of texts")
        parser.add_argument("--version", help=f"number or id of the version, or “{BARE}” (default: the current one)")

    def handle(self, *args: Any, **options: Any) -> None:
        persona = self.persona(options)
        version = _version(persona, options["version"])
        questions = _questions(options["text"], options["file"])
        try:
            speaker, told = speaker_get(persona=persona, version=version), told_get(persona=persona)
            with engine_running():
                results = [self._ask(question, speaker, told, options["json"]) for question in questions]
        except (EngineDidNotStart, EngineError) as error:
            raise CommandError(str(error)) from error
        if options["json"]:
            who = {"persona": persona.name, "version": version.number if version else None, "model": speaker.model}
            self.stdout.write(json.dumps({**who, "answers": results}, ensure_ascii=False, indent=1))

    def _ask(self, question: str, speaker: Speaker, told: list[Told], is_quiet: bool) -> dict[str, Any]:
        result = _row(question, async_to_sync(_reply)(question, speaker, told))
        if not is_quiet:
            self.stdout.write(_printed(result))
        return result


def _version(persona: Persona, name: str | None) -> PersonaModel | None:
    if name is None:
        return version_current(persona=persona)
    if name == BARE:
        return None
    try:
        return version_named(persona=persona, name=name)
    except Refused as refused:
        raise CommandError(f"{refused} Or “{BARE}”.") from refused


def _questions(text: str | None, file: Path | None) -> list[str]:
    if (text is None) == (file is None):
        raise CommandError("Give one question, or --file with many.")
    if file is None:
        return [text or ""]
    try:
        content = file.read_text(encoding="utf-8-sig")
        found = json.loads(content) if content.lstrip().startswith("[") else content.split("\n")
    except (OSError, ValueError) as error:
        raise CommandError(f"The file {file} cannot be read: {error}") from error
    if not all(isinstance(question, str) for question in found):
        raise CommandError(f"The list in {file} holds something that is not a text. Give a list of questions.")
    return [question.strip() for question in found if question.strip()]


async def _reply(question: str, speaker: Speaker, told: list[Told]) -> Reply:
    async with aclosing(answer(speaker=speaker, told=told, asked=Asked(question))) as events:
        async for event in events:
            if isinstance(event, Reply):
                return event
    raise RuntimeError("answer() ended without a Reply")


def _row(question: str, reply: Reply) -> dict[str, Any]:
    return {
        "question": question,
        "reply": reply.text,
        "kind": str(reply.grounding.kind),
        "sources": list(reply.grounding.sources),
        "error": reply.error,
        **reply.figures,
    }


def _printed(row: dict[str, Any]) -> str:
    words = NEVER_TOLD if row["kind"] == Kind.UNKNOWN else row["reply"] or row["error"]
    lines = [f"> {row['question']}", words]
    lines += [f"  {source['score']:.3f}  {source['question']}" for source in row["sources"]]
    shown = ("probability", "finish", "first_ms", "tokens", "tokens_per_second", "seconds", "tries")
    lines.append("  " + "  ".join(f"{name} {row[name]}" for name in shown if name in row))
    return "\n".join(lines) + "\n"

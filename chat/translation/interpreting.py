"""The interpreter of one reply: the message into the persona's language before it, the reply back after it."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass, replace
from typing import Any
from uuid import UUID

from asgiref.sync import sync_to_async
from django.utils.translation import get_language
from django.utils.translation import gettext as _

from chat.models import Message, TranslatedText
from chat.translation.errors import TranslationFailed
from chat.translation.languages import detect
from chat.translation.names import Name
from chat.translation.services import AUTO, OFF, names_of, setup_get, translator_allowed
from chat.translation.translating import text_translate
from chat.translation.translators import Translator
from questionnaires.models import Persona

UNTRANSLATED = {"language": "", "translation": "", "translator": "", "translation_fault": ""}
MOST_KEPT = 2000  # translations of a persona


@dataclass(frozen=True)
class Interpreter:
    """Between `home`, the persona's language, and `away`, the person's; does nothing where `away` is empty."""

    persona: Persona
    home: str
    away: str = ""
    names: tuple[Name, ...] = ()
    translator: Translator | None = None
    trouble: str = ""  # why there is no translator

    async def say(self, text: str) -> dict[str, Any]:
        """Fields of a finished reply. A failure is one of them: the reply itself is there."""
        if not self.away or not text:
            return dict(UNTRANSLATED)
        try:
            translated = await self.translate(text, outward=True)
        except TranslationFailed as failed:
            return UNTRANSLATED | {"language": self.away, "translation_fault": str(failed)}
        return UNTRANSLATED | {"language": self.away, "translation": translated, "translator": self.title}

    @property
    def title(self) -> str:
        return self.translator.title if self.translator else ""

    async def translate(self, text: str, *, outward: bool) -> str:
        """Asked once for a text: what was translated before is kept. Raises TranslationFailed."""
        if self.translator is None:
            raise TranslationFailed(self.trouble)
        source, target = (self.home, self.away) if outward else (self.away, self.home)
        digest = self._digest(text, source, target)
        if kept := await sync_to_async(_kept)(self.persona, digest):
            return kept
        translated = await text_translate(
            self.translator, text, source=source, target=target, names=self.names, outward=outward
        )
        await sync_to_async(_keep)(self.persona, digest, translated)
        return translated

    def _digest(self, text: str, source: str, target: str) -> str:
        names = [(name.term, name.rendering) for name in self.names]
        translator = self.translator.key if self.translator else ""
        return hashlib.sha256(json.dumps([translator, source, target, names, text]).encode()).hexdigest()


async def message_hear(*, reply_id: UUID) -> Interpreter:
    """Has the message that a reply answers in the persona's language, and returns who translates the reply.

    Raises TranslationFailed: the message stays as it is, with the reason.
    """
    asked, interpreter, spoken = await sync_to_async(_prepare)(reply_id)
    if not interpreter.away or not spoken or asked.translation:
        return interpreter
    ear = replace(interpreter, away=spoken)
    try:
        fields = {"translation": await ear.translate(asked.text, outward=False), "translation_fault": ""}
    except TranslationFailed as failed:
        await _store(asked, {"language": spoken, "translation_fault": str(failed)})
        sentence = _("Your message could not be translated, so it was not answered; it is kept. %(reason)s")
        raise TranslationFailed(sentence % {"reason": str(failed)}) from failed
    await _store(asked, {"language": spoken, "translator": interpreter.title, **fields})
    return interpreter


async def text_hear(*, reply_id: UUID, text: str) -> str:
    """What the person says of a reply, in the persona's language. Raises TranslationFailed."""
    _asked, interpreter, _spoken = await sync_to_async(_prepare)(reply_id)
    if not interpreter.away or detect(text, [interpreter.away, interpreter.home]) in {interpreter.home, ""}:
        return text
    return await interpreter.translate(text, outward=False)


async def _store(asked: Message, fields: dict[str, str]) -> None:
    await Message.objects.filter(pk=asked.pk).aupdate(**fields)


def _prepare(reply_id: UUID) -> tuple[Message, Interpreter, str]:
    """The message, its interpreter, and the message's language; empty if that is the persona's."""
    reply = Message.objects.select_related("conversation__persona", "parent").get(pk=reply_id)
    persona, asked = reply.conversation.persona, reply.parent or reply
    setup = setup_get(persona=persona)
    mode, home = reply.conversation.translation or setup.mode, persona.language[:2]
    if mode == OFF:
        return asked, Interpreter(persona, home), ""
    spoken = asked.language or detect(asked.text, _likely(asked, mode, home))
    away = spoken if mode == AUTO else mode
    if away in {home, ""}:
        return asked, Interpreter(persona, home), ""
    try:
        translator, trouble = translator_allowed(setup), ""
    except TranslationFailed as failed:
        translator, trouble = None, str(failed)
    interpreter = Interpreter(persona, home, away, names_of(setup), translator, trouble)
    return asked, interpreter, "" if spoken == home else spoken


def _likely(asked: Message, mode: str, home: str) -> list[str]:
    """Languages of a message too short to tell: the one chosen, the one spoken before, the page's, the persona's."""
    before = Message.objects.filter(conversation=asked.conversation_id, role=Message.Role.PERSON)
    last = before.exclude(language="").order_by("-number").values_list("language", flat=True).first()
    return [code for code in (mode, last, (get_language() or "")[:2], home) if code and code != AUTO]


def _kept(persona: Persona, digest: str) -> str:
    return TranslatedText.objects.filter(persona=persona, digest=digest).values_list("text", flat=True).first() or ""


def _keep(persona: Persona, digest: str, text: str) -> None:
    rows = TranslatedText.objects.filter(persona=persona)
    fields = {"owner_id": persona.owner_id, "text": text}
    TranslatedText.objects.update_or_create(persona=persona, digest=digest, defaults=fields)
    old = rows.order_by("-created_at").values_list("pk", flat=True)[MOST_KEPT : MOST_KEPT + 50]
    TranslatedText.objects.filter(pk__in=list(old)).delete()

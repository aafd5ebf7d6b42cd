"""Argos Translate: on this computer, offline, where the person installed it and the models of their languages."""

from __future__ import annotations

import asyncio
from importlib import import_module
from importlib.util import find_spec
from typing import Any, ClassVar

from django.utils.translation import gettext as _

from chat.translation.errors import TranslationFailed
from chat.translation.translators import sentences
from chat.translation.translators.base import Account

CODES = {"no": "nb"}
SECONDS = 60.0  # the first call loads a model


class Argos:
    key: ClassVar = "argos"
    title: ClassVar = "Argos Translate"
    needs: ClassVar[frozenset[str]] = frozenset()
    longest: ClassVar = 1500  # characters

    @classmethod
    def open(cls, account: Account) -> Argos:
        if find_spec("argostranslate") is None:
            raise TranslationFailed(_("Argos Translate is not installed; docs/translation.md says how."))
        return cls()

    @property
    def recipient(self) -> str:
        return ""

    def measure(self, text: str) -> int:
        return len(text)

    async def translate(self, text: str, source: str, target: str) -> str | None:
        try:
            async with asyncio.timeout(SECONDS):
                return await asyncio.to_thread(self._ask, text, CODES.get(source, source), CODES.get(target, target))
        except TimeoutError:
            raise sentences.too_slow(self.title) from None

    def _ask(self, text: str, source: str, target: str) -> str | None:
        program: Any = import_module("argostranslate.translate")
        installed = {language.code: language for language in program.get_installed_languages()}
        way = installed[source].get_translation(installed[target]) if {source, target} <= set(installed) else None
        if way is None:
            raise TranslationFailed(
                _("Argos Translate has no model for this pair of languages; docs/translation.md says how to add one.")
            )
        answer: str | None = way.translate(text)
        return answer

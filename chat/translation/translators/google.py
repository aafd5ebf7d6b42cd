"""Google Translate's page for old phones, by deep-translator. No key; it may fail from one request on with 429."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import quote_plus

from deep_translator import GoogleTranslator, google

from chat.translation.translators.base import Account
from chat.translation.translators.bounded import Bounded, call

google.requests = Bounded()

CODES = {"zh": "zh-CN", "he": "iw"}


class Google:
    key: ClassVar = "google"
    title: ClassVar = "Google Translate"
    needs: ClassVar[frozenset[str]] = frozenset()
    longest: ClassVar = (
        6000  # of the address: it carries the text, and above about 1,800 Cyrillic letters it is refused
    )
    address: ClassVar = "https://translate.google.com/m"

    @classmethod
    def open(cls, account: Account) -> Google:
        return cls()

    @property
    def recipient(self) -> str:
        return "translate.google.com"

    def measure(self, text: str) -> int:
        return len(quote_plus(text))

    async def translate(self, text: str, source: str, target: str) -> str | None:
        return await call(self.title, lambda: self._ask(text, CODES.get(source, source), CODES.get(target, target)))

    def _ask(self, text: str, source: str, target: str) -> str | None:
        translator = GoogleTranslator(source, target)  # one a call: it keeps its question in itself
        translator._base_url = self.address
        answer: str | None = translator.translate(text)
        return answer

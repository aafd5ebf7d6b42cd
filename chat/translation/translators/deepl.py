"""DeepL (https://developers.deepl.com/docs/api-reference/translate). Its own package wraps this one request."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from chat.translation.translators import sentences
from chat.translation.translators.base import Account
from chat.translation.translators.posting import post

PAID, FREE, OF_A_FREE_KEY = "https://api.deepl.com", "https://api-free.deepl.com", ":fx"
TARGETS = {"en": "EN-GB", "pt": "PT-PT", "zh": "ZH-HANS", "no": "NB"}
SOURCES = {"no": "NB"}


class DeepL:
    key: ClassVar = "deepl"
    title: ClassVar = "DeepL"
    needs: ClassVar = frozenset({"key"})
    longest: ClassVar = 30_000  # bytes; a request may have 128 KiB

    def __init__(self, account: Account) -> None:
        self._key = account.key
        self._address = account.address or (FREE if account.key.endswith(OF_A_FREE_KEY) else PAID)

    @classmethod
    def open(cls, account: Account) -> DeepL:
        if not account.key:
            raise sentences.lacking(cls.title)
        return cls(account)

    @property
    def recipient(self) -> str:
        return urlsplit(self._address).netloc

    def measure(self, text: str) -> int:
        return len(text.encode())

    async def translate(self, text: str, source: str, target: str) -> str | None:
        body = {
            "text": [text],
            "source_lang": SOURCES.get(source, source).upper(),
            "target_lang": TARGETS.get(target, target).upper(),
        }
        answer = await post(self.title, self._address, "/v2/translate", body, f"DeepL-Auth-Key {self._key}")
        try:
            found: str | None = answer["translations"][0]["text"]
        except (KeyError, TypeError, IndexError):
            raise sentences.unintelligible(self.title) from None
        return found

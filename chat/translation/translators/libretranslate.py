"""LibreTranslate on a server of one's own (https://docs.libretranslate.com): the text goes there and nowhere else."""

from __future__ import annotations

from typing import ClassVar
from urllib.parse import urlsplit

from chat.translation.translators import sentences
from chat.translation.translators.base import Account
from chat.translation.translators.posting import post

CODES = {"zh": "zh-Hans", "no": "nb"}


class LibreTranslate:
    key: ClassVar = "libretranslate"
    title: ClassVar = "LibreTranslate"
    needs: ClassVar = frozenset({"address", "key"})
    longest: ClassVar = 1500  # characters; a small server on a home computer translates some hundred a second

    def __init__(self, account: Account) -> None:
        self._account = account

    @classmethod
    def open(cls, account: Account) -> LibreTranslate:
        if not account.address:
            raise sentences.lacking(cls.title)
        return cls(account)

    @property
    def recipient(self) -> str:
        return urlsplit(self._account.address).netloc

    def measure(self, text: str) -> int:
        return len(text)

    async def translate(self, text: str, source: str, target: str) -> str | None:
        body = {"q": text, "source": CODES.get(source, source), "target": CODES.get(target, target), "format": "text"}
        if self._account.key:
            body["api_key"] = self._account.key
        answer = await post(self.title, self._account.address, "/translate", body)
        try:
            found: str | None = answer["translatedText"]
        except (KeyError, TypeError):
            raise sentences.unintelligible(self.title) from None
        return found

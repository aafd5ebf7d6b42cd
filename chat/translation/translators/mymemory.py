"""MyMemory, by deep-translator: no key, 500 bytes a request, 5,000 characters a day. Its failures look like success."""

from __future__ import annotations

from typing import Any, ClassVar

from deep_translator import MyMemoryTranslator, mymemory
from deep_translator.constants import MY_MEMORY_LANGUAGES_TO_CODES
from deep_translator.exceptions import RequestError, TooManyRequests

from chat.translation.translators import sentences
from chat.translation.translators.base import Account
from chat.translation.translators.bounded import Bounded, call

CODES = {"no": "nb-NO", "sr": "sr-Cyrl-RS", "pt": "pt-PT"}


class _Checked(Bounded):
    """It answers 200 with a complaint as the translation; the true status is in the body."""

    def checked(self, response: Any) -> Any:
        status = int(response.json().get("responseStatus") or 200) if response.status_code == 200 else 200
        if status == 429:
            raise TooManyRequests
        if status != 200:
            raise RequestError
        return response


mymemory.requests = _Checked()


class MyMemory:
    key: ClassVar = "mymemory"
    title: ClassVar = "MyMemory"
    needs: ClassVar[frozenset[str]] = frozenset()
    longest: ClassVar = 480  # bytes
    address: ClassVar = "https://api.mymemory.translated.net/get"  # deep-translator's own is plain http

    @classmethod
    def open(cls, account: Account) -> MyMemory:
        return cls()

    @property
    def recipient(self) -> str:
        return "api.mymemory.translated.net"

    def measure(self, text: str) -> int:
        return len(text.encode())

    async def translate(self, text: str, source: str, target: str) -> str | None:
        codes = self._code(source), self._code(target)
        return await call(self.title, lambda: self._ask(text, *codes))

    def _ask(self, text: str, source: str, target: str) -> str | None:
        translator = MyMemoryTranslator(source, target)
        translator._base_url = self.address
        answer: str | None = translator.translate(text)
        return answer

    def _code(self, language: str) -> str:
        known = MY_MEMORY_LANGUAGES_TO_CODES.values()
        fitting = (code for code in known if code.split("-")[0] == language)
        found = CODES.get(language) or ("en-GB" if language == "en" else next(fitting, ""))
        if not found:
            raise sentences.no_language(self.title, language)
        return str(found)

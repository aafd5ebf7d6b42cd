"""What a translator is."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar, Protocol, Self

from training.providers.base import Endpoint


@dataclass(frozen=True)
class Account:
    """What the person entered for a translator; a translator takes of it what it `needs`."""

    address: str = ""  # without a slash at the end
    key: str = ""
    endpoint: Endpoint | None = None  # of a connection
    model: str = ""


class Translator(Protocol):
    """One service, or a program on this computer. `open` raises TranslationFailed if the account lacks something."""

    key: ClassVar[str]  # in the database and in forms
    title: ClassVar[str]
    needs: ClassVar[frozenset[str]]  # of "address", "key", "connection", "model"
    longest: ClassVar[int]  # of one piece, by `measure`

    @classmethod
    def open(cls, account: Account) -> Self: ...

    @property
    def recipient(self) -> str:
        """The host that gets the text; empty: it stays on this computer."""

    def measure(self, text: str) -> int: ...

    async def translate(self, text: str, source: str, target: str) -> str | None:
        """One piece. Languages are codes of chat.translation.languages. Raises TranslationFailed."""

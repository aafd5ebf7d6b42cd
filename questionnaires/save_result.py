"""What becomes of a save, and why one is refused."""

import hashlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from accounts.quotas import QuotaExceeded
from questionnaires.comparing import differences, merge


class Refused(Exception):
    """The request cannot be met; the message is a sentence for the person. `status` is HTTP's code for it.

    `retry_after`: seconds after which it can be met; None where time does not help.
    """

    def __init__(self, message: str, status: int = 400, retry_after: int | None = None) -> None:
        super().__init__(message)
        self.status, self.retry_after = status, retry_after

    @property
    def headers(self) -> dict[str, str]:
        """Of an answer that says so."""
        return {} if self.retry_after is None else {"Retry-After": str(self.retry_after)}


@contextmanager
def within_limits() -> Iterator[None]:
    """What is refused inside because a limit is reached is refused with 429."""
    try:
        yield
    except QuotaExceeded as exceeded:
        raise Refused(str(exceeded), exceeded.status, exceeded.retry_after) from None


@dataclass(frozen=True)
class SaveResult:
    """What became of a text that was sent in. On a conflict `text` is the stored one and `yours` the one sent in."""

    outcome: str  # saved, unchanged, conflict
    revision: int
    state: str
    text: str
    yours: str = ""
    base: str | None = None  # on a conflict: the text that `yours` was made from, if it is still kept
    mended: list[str] = field(default_factory=list)  # what `normalise` did to the text

    @property
    def sha256(self) -> str:
        """Of the stored text in UTF-8: the browser shows "saved" only if it equals that of what it holds."""
        return text_digest(self.text)

    @property
    def merged(self) -> str | None:
        """On a conflict: both edits in one text; None where they touch or the base is gone."""
        return None if self.base is None else merge(self.base, self.text, self.yours)

    @property
    def joined(self) -> str:
        """On a conflict: what the person goes on with, a merge or one text below the other."""
        merged = self.merged
        return f"{self.text}\n\n{self.yours}" if merged is None else merged

    @property
    def parts(self) -> list[tuple[str, str]]:
        """On a conflict: (same, gone or new, text); the gone ones are in the stored text alone, the new in yours."""
        return list(differences(self.text, self.yours))


def text_digest(text: str) -> str:
    """SHA-256 of the text in UTF-8, in hexadecimal."""
    return hashlib.sha256(text.encode()).hexdigest()

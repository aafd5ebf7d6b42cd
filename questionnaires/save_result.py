"""What becomes of a save, and why one is refused."""

import hashlib
from dataclasses import dataclass, field

from questionnaires.comparing import differences, merge


class Refused(Exception):
    """The request cannot be met; the message is a sentence for the person. `status` is HTTP's code for it."""

    def __init__(self, message: str, status: int = 400) -> None:
        super().__init__(message)
        self.status = status


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

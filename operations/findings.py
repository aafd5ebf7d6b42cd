"""What the doctor says."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

WELL, LOOK, WRONG = "well", "look", "wrong"


@dataclass(frozen=True)
class Finding:
    """`level`: well, look (it works, but not for long or not for everybody) or wrong. `mend`: what to do about it.

    `action` mends it without a risk, and says what it did; None: nothing that a program should do by itself.
    """

    name: str
    level: str
    sentence: str
    mend: str = ""
    action: Callable[[], str] | None = None

    def as_json(self) -> dict[str, Any]:
        return {
            "name": self.name,
            "level": self.level,
            "sentence": self.sentence,
            "mend": self.mend,
            "can_mend": self.action is not None,
        }


def well(name: str, sentence: str) -> Finding:
    return Finding(name, WELL, sentence)


def look(name: str, sentence: str, mend: str, action: Callable[[], str] | None = None) -> Finding:
    return Finding(name, LOOK, sentence, mend, action)


def wrong(name: str, sentence: str, mend: str, action: Callable[[], str] | None = None) -> Finding:
    return Finding(name, WRONG, sentence, mend, action)

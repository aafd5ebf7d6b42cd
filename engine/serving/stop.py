"""Stop sequences in a stream: nothing that may turn out to be one is let through."""

from __future__ import annotations

from collections.abc import Sequence


class StopMatcher:
    """Fed with pieces of text, gives back what can be shown; stops before the first stop sequence."""

    def __init__(self, sequences: Sequence[str]) -> None:
        self._sequences = tuple(one for one in sequences if one)
        self._held = ""
        self.matched = False

    def feed(self, piece: str) -> str:
        """The text that is certainly not part of a stop sequence; "" once one was found."""
        if self.matched:
            return ""
        text = self._held + piece
        found = [place for one in self._sequences if (place := text.find(one)) >= 0]
        if found:
            self.matched, self._held = True, ""
            return text[: min(found)]
        keep = self._possible_start(text)
        self._held = text[len(text) - keep :]
        return text[: len(text) - keep]

    def flush(self) -> str:
        """What was held back, when the text ends here."""
        held, self._held = self._held, ""
        return held

    @property
    def holding(self) -> bool:
        return bool(self._held)

    def _possible_start(self, text: str) -> int:
        """Length of the longest end of `text` that begins a stop sequence."""
        longest = max((len(one) for one in self._sequences), default=1) - 1
        for size in range(min(longest, len(text)), 0, -1):
            if any(one.startswith(text[-size:]) for one in self._sequences):
                return size
        return 0

"""Which wording of a question no training and no note ever sees, so that it can be asked to measure likeness."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence

_HELD_OUT = 1  # of a question's further wordings, counted from 0
_ONE_IN = 3  # each wording that retrieval lacks costs it something


def held_out_wording(question: str, wordings: Sequence[str]) -> str:
    """The second further wording, for a third of the questions; else "".

    Which third follows from a hash of the question's first wording, so it stays when other questions come and go. A
    question with fewer than two further wordings, or whose second one stands twice, keeps all it has.
    """
    if len(wordings) <= _HELD_OUT or not _is_drawn(question):
        return ""
    held_out = wordings[_HELD_OUT]
    others = (question, *wordings[:_HELD_OUT], *wordings[_HELD_OUT + 1 :])
    return held_out if held_out.strip() and held_out not in others else ""


def _is_drawn(question: str) -> bool:
    digest = hashlib.sha256(("held out:" + question).encode("utf-8", "surrogatepass")).digest()
    return int.from_bytes(digest[:8], "big") % _ONE_IN == 0

"""Names and titles that stand in the person's answers, offered for the list of what is not translated."""

import re
from collections import Counter
from collections.abc import Iterable

from questionnaires.models import Answer, Persona

MOST = 16

_QUOTED = re.compile(r"[«“„\"]([^«»“”„\"\n]{2,60})[»”“\"]")
_CAPITALS = re.compile(r"(?<=[\w,;] )[A-ZА-ЯЁ][\w'’-]+(?: (?:of |the |and |de |van |von )?[A-ZА-ЯЁ][\w'’-]+)+")


def names_suggested(*, persona: Persona, known: Iterable[str]) -> list[str]:
    """Quoted titles, and names of several capital words within a sentence; the most frequent first."""
    counts: Counter[str] = Counter()
    for text in Answer.objects.filter(persona=persona, state=Answer.State.ANSWERED).values_list("text", flat=True):
        counts.update(list(dict.fromkeys(found for found in _found(text) if found[:1].isupper())))  # once an answer
    left_out = {name.casefold() for name in known}
    return [name for name, _count in counts.most_common() if name.casefold() not in left_out][:MOST]


def _found(text: str) -> list[str]:
    quoted = [title.strip(" .,!?…") for title in _QUOTED.findall(text)]
    return [name for name in [*quoted, *_CAPITALS.findall(text)] if len(name.split()) <= 6]

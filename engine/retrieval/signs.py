"""Signs that can be read without a model: what kind of thing a question asks for, and whether a text has one."""

from __future__ import annotations

import re

import numpy as np

from engine.retrieval.encoder import Array

_I = re.IGNORECASE
_QUANTITY = re.compile(
    r"\bhow (much|many|old|long|far|often|big|large|fast|tall|deep|high)\b|\bwh(at|ich) (year|time|age|number|price)\b"
    r"|\bwhen\b|\bсколько\b|\bкогда\b|\bв каком (году|возрасте)\b|\bво сколько\b",
    _I,
)
_COLOUR = re.compile(r"\bwh(at|ich) colou?r\b|\bshade\b|\bцвет", _I)
_NAME = re.compile(
    r"\bname\b|\bcalled\b|\bwho\b|\bwhere\b|\bwh(at|ich) "
    r"(town|city|hotel|school|hospital|company|brand|make|author|singer)\b"
    r"|\bзовут\b|\bимя\b|\bкто\b|\bгде\b|\bназыва",
    _I,
)
_YES_NO = re.compile(
    r"(do|did|does|are|is|was|were|have|has|had|can|could|will|would|any|ever|fancy|got)\b|.*\bли\b", _I
)
_REASON = re.compile(r"why|how (did|do|come)|what (made|makes)|почему|зачем|как", _I)

_HAS_NUMBER = re.compile(
    r"\d|\b(one|two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|dozen|hundred|thousand|million|twenty|thirty"
    r"|forty|fifty|sixty|seventy|eighty|ninety|\w+teen)\b|\b(два|две|три|четыре|пять|шесть|семь|восемь|девять|десять"
    r"|сорок|сто|тысяч\w*|\w+надцать|\w+дцать|\w+десят)\b",
    _I,
)
_HAS_COLOUR = re.compile(
    r"\b(red|blue|green|yellow|black|white|gr[ea]y|brown|orange|pink|purple|maroon|gold|silver|beige|cream|navy|teal"
    r"|turquoise|violet|mustard)\b|\b(красн|син|голуб|зел[её]н|ж[её]лт|ч[её]рн|бел|сер|коричнев|розов)\w*",
    _I,
)
_HAS_NAME = re.compile(r"(?<![.!?…]\s)(?<!^)\b[A-ZА-ЯЁ][a-zа-яё]+")

COUNT = 12


def asked(query: str) -> list[bool]:
    """Whether a question asks for a quantity, a colour, a name; can be answered by yes or no; asks for a reason."""
    return [
        bool(_QUANTITY.search(query)),
        bool(_COLOUR.search(query)),
        bool(_NAME.search(query)),
        bool(_YES_NO.match(query)),
        bool(_REASON.match(query)),
    ]


def signs(query: str, answer: str) -> Array:
    """Twelve numbers: the kind of question; whether the answer has or lacks what is asked for; the length."""
    kinds = asked(query)
    holds = [bool(pattern.search(answer)) for pattern in (_HAS_NUMBER, _HAS_COLOUR, _HAS_NAME)]
    pairs = [value for kind, has in zip(kinds[:3], holds, strict=True) for value in (kind and has, kind and not has)]
    return np.array([*kinds, *pairs, len(query.split()) / 10], dtype=np.float32)

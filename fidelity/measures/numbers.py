"""The whole numbers that a text names, in digits or in English or Russian words."""

from __future__ import annotations

import re

from fidelity.measures.words import Word, words

_ENGLISH = """
zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen
eighteen nineteen
"""
_ENGLISH_TENS = """
twenty thirty forty fifty sixty seventy eighty ninety
"""
# The beginnings of a numeral in its cases; the longest that fits counts.
_RUSSIAN = {
    0: "ноль нуля",
    2: "два две двух двум двумя",
    3: "три трех трем тремя",
    4: "четыре четырех четырем четырьмя",
    5: "пять пяти пятью",
    6: "шесть шести шестью",
    7: "семь семи семью",
    8: "восемь восьми восемью",
    9: "девять девяти девятью",
    10: "десять десяти десятью",
    11: "одиннадцать одиннадцати",
    12: "двенадцать двенадцати",
    13: "тринадцать тринадцати",
    14: "четырнадцать четырнадцати",
    15: "пятнадцать пятнадцати",
    16: "шестнадцать шестнадцати",
    17: "семнадцать семнадцати",
    18: "восемнадцать восемнадцати",
    19: "девятнадцать девятнадцати",
    20: "двадцать двадцати",
    30: "тридцать тридцати",
    40: "сорок сорока",
    50: "пятьдесят пятидесяти",
    60: "шестьдесят шестидесяти",
    70: "семьдесят семидесяти",
    80: "восемьдесят восьмидесяти",
    90: "девяносто девяноста",
    100: "сто ста",
    200: "двести двухсот",
    300: "триста трехсот",
    1: "один одна одно одного одной одну",
}
_VALUES = (
    {word: value for value, word in enumerate(_ENGLISH.split())}
    | {word: 10 * value for value, word in enumerate(_ENGLISH_TENS.split(), start=2)}
    | {word: value for value, forms in _RUSSIAN.items() for word in forms.split()}
)
_SCALES = {"hundred": 100, "thousand": 1000, "тысяча": 1000, "тысячи": 1000, "тысяч": 1000}
_GROUPED = re.compile(r"(?<=\d)[,\u00a0\u202f ](?=\d{3}\b)")  # 12,500 and 12 500


def numbers(text: str) -> frozenset[int]:
    """The numbers of a text: 37, "thirty-seven", "сорок три", 1,200. A lone 1 is none ("one of them")."""
    found: set[int] = set()
    run: list[int] = []
    for word in words(_GROUPED.sub("", text)):
        value = _value(word)
        if run and (value is None or not _goes_on(run, value)):
            _close(run, found)
            run = []
        if value is not None:
            run.append(value)
    _close(run, found)
    return frozenset(found)


def _value(word: Word) -> int | None:
    plain = word.text.casefold().replace("ё", "е")
    if plain.isascii() and plain.isdigit():
        return int(plain[:18])
    return _SCALES.get(plain, _VALUES.get(plain))


def _goes_on(run: list[int], value: int) -> bool:
    """Whether a value belongs to the numeral before it: "forty three", "two hundred"."""
    last = run[-1]
    is_scale = value in (100, 1000) and last < value
    return is_scale or (value < last and last in (20, 30, 40, 50, 60, 70, 80, 90, 100, 200, 300, 1000))


def _close(run: list[int], found: set[int]) -> None:
    if not run or run == [1]:
        return
    total = part = 0
    for value in run:
        if value in (100, 1000) and part:
            total, part = total + part * value, 0
        else:
            part += value
    found.add(total + part)

from __future__ import annotations

import string
from collections.abc import Iterable

import pytest

from questionnaires.dataset import MESSAGES, Finding, Item, check
from questionnaires.dataset.findings import RULES
from questionnaires.dataset.personal_data import beginning, personal_data, taken_out

SUBJECTS = ("piano", "river", "bread", "winter", "sister", "bicycle", "school", "money", "garden", "music", "soup")
GOOD = [
    Item(f"{verb} about {subject}?", f"{subject} and {verb} together made me laugh number {n} times", source=f"{n}")
    for n, (verb, subject) in enumerate((verb, subject) for verb in SUBJECTS for subject in SUBJECTS)
][:80]


def codes(findings: Iterable[Finding], source: str = "x") -> list[tuple[str, str]]:
    return [(found.code, found.where) for found in findings if found.source == source]


def of_answer(answer: str, question: str = "Well, what about it?") -> list[tuple[str, str]]:
    return codes(check([*GOOD, Item(question, answer, source="x")]))


def test_a_good_set_has_no_findings() -> None:
    assert check(GOOD) == []


def test_nine_answers_are_too_few_and_say_so() -> None:
    found = check(GOOD[:9])[0]
    assert (found.severity, found.message) == ("error", "At least 10 answers are needed; you have 9. Answer 1 more.")


@pytest.mark.parametrize(("count", "code"), [(0, "too_few"), (9, "too_few"), (10, "few"), (69, "few"), (70, None)])
def test_the_size_of_the_set(count: int, code: str | None) -> None:
    sizes = [found.code for found in check(GOOD[:count]) if found.code in ("too_few", "few")]
    assert sizes == ([code] if code else [])


@pytest.mark.parametrize(
    ("answer", "expected"),
    [
        ("", [("empty_answer", "answer")]),
        (" \n", [("empty_answer", "answer")]),
        ("Never!", [("one_word_answer", "answer")]),
        ("I do not know.", [("short_answer", "answer")]),
        ("I really do not know.", []),
        ("I LOVE PIANOS AND SHOUTING A LOT", [("upper_case", "answer")]),
        ("An end ### is a marker of some kind", [("contains_marker", "answer")]),
        ("From this one -> to that one there", [("contains_marker", "answer")]),
        ("A word\x00 that nobody can ever store", [("unstorable_characters", "answer")]),
        ("word " * 2001, [("long_text", "answer")]),
        ("Я настраиваю пианино уже шестнадцать лет", [("other_language", "answer")]),
        ("My password is hunter2, do not tell anyone", [("password", "answer")]),
        ("Pay with 4111 1111 1111 1111 whenever you like", [("card", "answer")]),
        ("Call me at +32 470 12 34 56 after nine", [("phone", "answer")]),
        ("Write to nora.veldt@example.org when you can", [("email", "answer")]),
    ],
)
def test_what_one_answer_can_have(answer: str, expected: list[tuple[str, str]]) -> None:
    assert of_answer(answer) == expected


def test_an_answer_needs_a_question() -> None:
    assert of_answer("I tune pianos for a living.", question=" ") == [("empty_question", "question")]


@pytest.mark.parametrize(
    ("question", "answer", "code"),
    [
        (GOOD[3].question.upper(), GOOD[3].answer + ".", ("duplicate_item", "question")),
        ("Another?", GOOD[3].answer.title(), ("duplicate_answer", "answer")),
        ("Another?", GOOD[3].answer + " again", ("near_duplicate_answer", "answer")),
    ],
)
def test_repeated_answers_name_the_first(question: str, answer: str, code: tuple[str, str]) -> None:
    findings = check([*GOOD, Item(question, answer, source="x")])
    assert codes(findings) == [code]
    assert findings[0].params.get("other") in (None, GOOD[3].question)


@pytest.mark.parametrize(
    "text",
    [
        "It cost 1 234 567 890 euro and 4111 1111 1111 1112 forints",
        "From 1990-1995 and 2001-2005 I lived there; pi is 3.14159265358979",
        "I forgot my password twice, 10 000 people, room 1234567",
        "@nora at example dot org, 12.03.1979",
        "My friend Anna lives on Baker Street, and I met Ella Fitzgerald on 5 March",
        "Order 1234-5678, flight BA 2490, the year 2001 and GB33BUKB20201555555556",
        "Мой друг Иван живёт на улице Ленина",
    ],
)
def test_harmless_numbers_and_words_are_left_alone(text: str) -> None:
    assert list(personal_data(text)) == []


@pytest.mark.parametrize(
    ("text", "kind"),
    [
        ("Пароль: qwerty", "password"),
        ("key sk-abcdefghijklmnopqrstuv", "password"),
        ("PIN is 1234", "password"),
        ("5500-0000-0000-0004", "card"),
        ("8 (916) 123-45-67", "phone"),
        ("+4915112345678", "phone"),
        ("Call me at (212) 555-2368 after six", "phone"),
        ("My account is GB33 BUKB 2020 1555 5555 55, use it", "account"),
        ("SSN 536-90-4399", "id_number"),
        ("AKIAIOSFODNN7EXAMPLE", "password"),
        ("-----BEGIN RSA PRIVATE KEY-----MIIEowIBAAKCAQEA7", "password"),
        ("I keep it at https://ada:lovelace1815@example.org/x", "password"),
        ("Write to ada@example.org", "email"),
        ("We live at 12 Baker Street since May", "address"),
        ("Живу на ул. Ленина, д. 5", "address"),
        ("I learned it from my best friend Anna Petrova", "full_name"),
        ("Мой старый друг Иван Петров так говорил", "full_name"),
    ],
)
def test_secrets_are_found_and_not_shown_whole(text: str, kind: str) -> None:
    found = next(personal_data(text))
    assert found.kind == kind
    assert beginning(text, found) == text[found.start :][:3] + "…"
    assert list(personal_data(taken_out(text, kind))) == []


def test_the_set_as_a_whole() -> None:
    same = check([Item("Same?", answer) for answer in ("yes", "no") * 10])
    assert {"questions_identical", "few_different_answers"} <= {found.code for found in same}
    alike = check([Item(f"Tell me all about {n}", f"Well, {n} is a thing I like") for n in "abcdefghijk"])
    assert {"questions_begin_alike", "answers_begin_alike"} <= {found.code for found in alike}


def test_declared_languages_are_named() -> None:
    (found,) = check([*GOOD, Item("Und?", "Ich stimme schon lange Klaviere.", language="de")])
    assert found.message.startswith("The answers are in several languages: de, en.")


def test_two_ages_contradict_each_other_and_one_does_not() -> None:
    young = Item("Age?", "I'm 43 and happy about most of it.", source="x")
    old = Item("How old?", "I am 44 years old since the spring.", source="y")
    assert check([*GOOD, young]) == []
    (found,) = check([*GOOD, young, old])
    assert (found.code, found.source, found.params) == ("contradicting_ages", "y", {"ages": "43, 44"})


def test_topics_without_answers_are_named() -> None:
    findings = check([Item(item.question, item.answer, topic="work") for item in GOOD], topics=["work", "love"])
    assert [found.message for found in findings] == [
        "There are no answers on the topic “love”. The model will know nothing of it."
    ]


def test_errors_come_first() -> None:
    severities = [found.severity for found in check([Item("Who?", "Nora", source="1"), Item("Who?", "", source="2")])]
    assert severities == sorted(severities, key=["error", "warning", "advice"].index)
    assert len(set(severities)) > 1


def test_every_sentence_belongs_to_a_rule_and_can_be_filled_in() -> None:
    assert MESSAGES.keys() == RULES.keys()
    for template in MESSAGES.values():
        names = {name: "1" for _, name, _, _ in string.Formatter().parse(template) if name}
        assert template.format(**names)[-1] in ".…?"

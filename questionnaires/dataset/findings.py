"""What a check has to say, and the one table of its sentences."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Literal

Severity = Literal["error", "warning", "advice"]


# An error blocks training; a warning should be looked at; advice may be ignored.
def gettext_noop(text: str) -> str:
    """Marks a sentence for the translators; translating is the caller's business."""
    return text


RULES: dict[str, tuple[Severity, str]] = {
    # The set as a whole
    "too_few": (
        "error",
        gettext_noop("At least {minimum} answers are needed; you have {count}. Answer {missing} more."),
    ),
    "few": (
        "advice",
        gettext_noop("You have {count} answers. From {wanted} on a model begins to sound like you; 150 are good."),
    ),
    "questions_identical": (
        "error",
        gettext_noop("All questions are the same: {text}. Give every answer its own question."),
    ),
    "few_different_answers": (
        "advice",
        gettext_noop("Only {different} of {count} answers differ. Varied answers make a persona."),
    ),
    "questions_begin_alike": (
        "advice",
        gettext_noop("All questions begin with “{text}”. Leave it out: it teaches nothing."),
    ),
    "answers_begin_alike": (
        "advice",
        gettext_noop("All answers begin with “{text}”. The model will begin every reply so."),
    ),
    "mixed_languages": (
        "advice",
        gettext_noop("The answers are in several languages: {languages}. One language works better."),
    ),
    "topic_without_answers": (
        "advice",
        gettext_noop("There are no answers on the topic “{topic}”. The model will know nothing of it."),
    ),
    "contradicting_ages": (
        "warning",
        gettext_noop("Your age differs between answers: {ages}. Correct the one that is out of date."),
    ),
    # One item
    "empty_question": (
        "error",
        gettext_noop("This answer has no question. Write the question, or leave the answer out."),
    ),
    "empty_answer": ("error", gettext_noop("This question has no answer. Write one, or leave the question out.")),
    "unstorable_characters": (
        "error",
        gettext_noop("This text holds characters that cannot be stored ({changes}). Save it again."),
    ),
    "one_word_answer": (
        "warning",
        gettext_noop("This answer is one word. One-word answers make a one-word persona: say why, or how."),
    ),
    "short_answer": (
        "advice",
        gettext_noop("This answer has only {count} words. Two or three sentences teach far more."),
    ),
    "long_text": (
        "warning",
        gettext_noop("This text has {count} characters; over {limit} are cut off or cost much. Shorten it."),
    ),
    "upper_case": ("advice", gettext_noop("This text is mostly in capitals. The model will shout as well.")),
    "contains_marker": (
        "advice",
        gettext_noop("This text holds “{text}”, a sign of the file format. It is escaped; nothing is lost."),
    ),
    "duplicate_item": ("warning", gettext_noop("The same question and answer stand twice. Delete one of them.")),
    "duplicate_answer": (
        "warning",
        gettext_noop("This answer repeats the answer to “{other}”. Answer each question by itself."),
    ),
    "near_duplicate_answer": ("advice", gettext_noop("This answer says nearly the same as the answer to “{other}”.")),
    "same_meaning": (
        "advice",
        gettext_noop("In other words, this answer says the same as the answer to “{other}”."),
    ),
    "contradiction": (
        "warning",
        gettext_noop("“{second}” – does that agree with “{first}”, in the answer to “{other}”?"),
    ),
    "other_language": ("advice", gettext_noop("This text is not in the alphabet of most of your answers.")),
    "password": (
        "warning",
        gettext_noop("This seems to hold a password or key ({text}). The model may tell it to anyone: take it out."),
    ),
    "card": (
        "warning",
        gettext_noop("This seems to hold a card number ({text}). The model may tell it to anyone: take it out."),
    ),
    "phone": (
        "warning",
        gettext_noop("This seems to hold a phone number ({text}). The model may tell it to anyone: take it out."),
    ),
    "email": (
        "warning",
        gettext_noop("This seems to hold an e-mail address ({text}). The model may tell it to anyone: take it out."),
    ),
    "account": (
        "warning",
        gettext_noop("This seems to hold an account number ({text}). The model may tell it to anyone: take it out."),
    ),
    "id_number": (
        "warning",
        gettext_noop("This seems to hold an identity number ({text}). The model may tell it to anyone: take it out."),
    ),
    "address": (
        "warning",
        gettext_noop("This seems to hold a street address ({text}). The model may tell it to anyone: take it out."),
    ),
    "full_name": (
        "advice",
        gettext_noop("Somebody else is named in full here ({text}). Ask them, or leave the surname out."),
    ),
    # One row of a file
    "missing_column": ("error", gettext_noop("“{column}” is missing. A row needs prompt and completion, or messages.")),
    "column_case": ("warning", gettext_noop("“{column}” has to be written in lower case.")),
    "extra_columns": (
        "warning",
        gettext_noop("{columns} will be ignored: only prompt and completion, or messages, are read."),
    ),
    "not_text": ("error", gettext_noop("“{column}” is not text. Put it in double quotes.")),
    "bad_messages": (
        "error",
        gettext_noop("The messages need one of the user and, last, one of the assistant, each with text."),
    ),
    "mixed_formats": (
        "error",
        gettext_noop("Some rows have prompt and completion, others messages. Use one format in a file."),
    ),
    "empty_completion": ("error", gettext_noop("The answer of this row is empty. Fill it in, or delete the row.")),
    "duplicate_row": ("warning", gettext_noop("This row repeats row {other}. Delete one of them.")),
    "upper_case_column": (
        "advice",
        gettext_noop("The texts in “{column}” are mostly in capitals. The model will shout as well."),
    ),
    "no_prompt_end": (
        "warning",
        gettext_noop("The prompts have no common ending, so the model cannot tell where to begin. Add “ ->”."),
    ),
    "prompt_end_inside": (
        "warning",
        gettext_noop("The ending of the prompts, “{text}”, also stands inside this prompt."),
    ),
    "no_completion_end": (
        "warning",
        gettext_noop("The completions have no common ending, so replies will not stop. Add “###”."),
    ),
    "completion_end_inside": (
        "warning",
        gettext_noop("The ending of the completions, “{text}”, also stands inside this completion."),
    ),
    "no_leading_space": ("advice", gettext_noop("This completion does not begin with a space, as the format expects.")),
}
MESSAGES: dict[str, str] = {code: template for code, (_, template) in RULES.items()}


@dataclass(frozen=True)
class Finding:
    """One thing that a check found. `MESSAGES[code]` is the sentence to translate, `params` fills it in.

    `source` is the id of the answer, or the number of the row from 1; "" means the whole set. `where` is the part of
    it: "question", "answer", "wordings", or the name of a column.
    """

    code: str
    source: str = ""
    where: str = ""
    params: Mapping[str, object] = field(default_factory=dict, hash=False)

    @property
    def severity(self) -> Severity:
        return RULES[self.code][0]

    @property
    def message(self) -> str:
        return MESSAGES[self.code].format(**self.params)


def worst_first(findings: Iterable[Finding]) -> list[Finding]:
    """Errors, then warnings, then advice; otherwise in the order in which they were found."""
    order = ("error", "warning", "advice")
    return sorted(findings, key=lambda found: order.index(found.severity))

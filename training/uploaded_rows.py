"""Files of training rows as programs bring them, in OpenAI's two formats, checked and made into the engine's rows.

A row of messages is learned for each of its assistant messages, unless their `weight` is 0, as OpenAI does; the engine
learns one answer a row, so a dialogue of three answers becomes three rows.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _

from questionnaires.dataset import JsonlError, Row, Sample, encode
from questionnaires.dataset.jsonl import decode_numbered
from questionnaires.services import Refused
from training.row_files import RowFiles

ROLES = {"system": "system", "developer": "system", "user": "user", "assistant": "assistant"}
SAMPLES = 4
# Passes where a program leaves them to us: "Data preparation and analysis for chat model fine-tuning",
# cookbook.openai.com (TARGET_EPOCHS, MIN_TARGET_EXAMPLES, MAX_TARGET_EXAMPLES, MAX_DEFAULT_EPOCHS).
TARGET_EPOCHS, LEAST_SEEN, MOST_SEEN, MOST_EPOCHS = 3, 100, 25_000, 25


@dataclass(frozen=True)
class UploadedRows:
    """`examples`: lines of the file; `rows`: what is learned from them, all of `format` (marker, chat)."""

    rows: list[Row]
    examples: int
    format: str


def rows_read(content: bytes) -> UploadedRows:
    """The rows of a file. Refused with a sentence that names the first line that is none."""
    rows: list[Row] = []
    formats: set[str] = set()
    examples = 0
    try:
        for number, line in decode_numbered(content):
            rows += _rows_of(line, number)
            formats.add("chat" if "messages" in line else "marker")
            examples += 1
    except JsonlError as error:
        raise Refused(str(error)) from None
    if not rows:
        raise Refused(_("The file holds no example to learn from. Write one JSON object a line."))
    if len(formats) > 1:
        raise Refused(_("The file mixes rows of messages with rows of prompt and completion. Keep to one of them."))
    return UploadedRows(rows, examples, formats.pop())


def files_of(training: UploadedRows, validation: UploadedRows | None) -> RowFiles:
    """What a training reads. Nothing is held out of a training file: a program says itself what is to be measured."""
    if validation and validation.format != training.format:
        raise Refused(_("Training file and validation file are of two formats. Use the same one in both."))
    kept = validation.rows if validation else []
    samples = [_sample(row) for row in (kept or training.rows)[:SAMPLES]]
    return RowFiles(b"".join(encode(training.rows)), b"".join(encode(kept)), training.rows, kept, samples)


def usual_epochs(examples: int) -> int:
    """Passes over so many examples, by the rule of OpenAI's cookbook."""
    if examples * TARGET_EPOCHS < LEAST_SEEN:
        return max(1, min(MOST_EPOCHS, LEAST_SEEN // examples))
    return max(1, MOST_SEEN // examples) if examples * TARGET_EPOCHS > MOST_SEEN else TARGET_EPOCHS


def _rows_of(line: Row, number: int) -> Iterator[Row]:
    if "messages" in line:
        yield from _dialogue(line, number)
        return
    prompt, completion = line.get("prompt"), line.get("completion")
    if not isinstance(prompt, str) or not isinstance(completion, str):
        raise _refused(number, _("expected the texts “prompt” and “completion”, or a list “messages”."))
    if not completion.strip():
        raise _refused(number, _("the completion is empty. Leave the row out, or write what is to be learned."))
    yield {"prompt": prompt, "completion": completion}


def _dialogue(line: Row, number: int) -> Iterator[Row]:
    if line.get("tools") or line.get("functions"):
        raise _refused(number, _("tools cannot be trained here. Leave “tools” and the calls of them out."))
    given = line["messages"]
    if not isinstance(given, list) or not given:
        raise _refused(number, _("“messages” must be a list of messages."))
    messages = [_message(each, number) for each in given]
    learned = [place for place, each in enumerate(given) if place and _is_learned(each, number)]
    if not learned:
        raise _refused(number, _("no message of the assistant's is to be learned after one that asks for it."))
    for place in learned:
        yield {"messages": messages[: place + 1]}


def _message(given: Any, number: int) -> dict[str, str]:
    role = given.get("role") if isinstance(given, dict) else None
    if not isinstance(role, str) or role not in ROLES:
        raise _refused(number, _("each message is an object whose “role” is system, user or assistant."))
    text = _text(given.get("content"))
    if text is None or (role == "assistant" and not text.strip()):
        raise _refused(number, _("each message has a text as its “content”. Images, sounds and calls are not learned."))
    return {"role": ROLES[role], "content": text}


def _text(content: Any) -> str | None:
    """The text, or texts, of a message; None where it holds something else."""
    if isinstance(content, str):
        return content
    parts = content if isinstance(content, list) else [None]
    texts = [part.get("text") if isinstance(part, dict) and part.get("type") == "text" else None for part in parts]
    return "".join(map(str, texts)) if texts and all(isinstance(text, str) for text in texts) else None


def _is_learned(message: dict[str, Any], number: int) -> bool:
    weight = message.get("weight")
    if weight is not None and (isinstance(weight, bool) or weight not in (0, 1)):
        raise _refused(number, _("a message's “weight” is 0 (read it only) or 1 (learn it)."))
    return message["role"] == "assistant" and weight != 0


def _sample(row: Row) -> Sample:
    """Asked while it trains, so that its owner reads how it comes along."""
    if "messages" not in row:
        return {"row": {"prompt": row["prompt"]}, "question": row["prompt"], "expected": row["completion"]}
    earlier: Sequence[dict[str, str]] = row["messages"][:-1]
    asked = next((each["content"] for each in reversed(earlier) if each["role"] == "user"), earlier[-1]["content"])
    return {"row": {"messages": list(earlier)}, "question": asked, "expected": row["messages"][-1]["content"]}


def _refused(number: int, what: str) -> Refused:
    return Refused(_("Line %(number)d: %(what)s") % {"number": number, "what": what})

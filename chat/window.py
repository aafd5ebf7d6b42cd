"""What fits the model's window, in tokens of its own tokenizer, which is read only where characters cannot tell."""

from collections.abc import Callable
from dataclasses import replace

from django.conf import settings

from engine.token_count import Counter, local_counter, openai_counter
from questionnaires.dataset import Note
from training.connections import preset_of
from training.local_models import folder_of
from training.models import PersonaModel
from training.token_counts import token_estimate

WINDOW = 2048  # tokens; of the bundled model, which is the shortest
FRAME_TOKENS = 120  # the template's marks and the sentence that says who speaks
REPLY_TOKENS = 160
DOUBT = 1.5  # an estimate may be that much too low
SURE_CHARACTERS = 580  # of note and question: they fit in any alphabet, as a token is a byte at least

CountTokens = Callable[[str], int]


def tokens_of(version: PersonaModel | None) -> CountTokens:
    """Counts a text in the tokens of the version's own model; an estimate where its tokenizer is not at hand."""
    counter = _counter(version)

    def count(text: str) -> int:
        row = {"prompt": text, "completion": ""}
        return counter.count([row])[0] if counter else round(DOUBT * token_estimate(row))

    return count


def _counter(version: PersonaModel | None) -> Counter | None:
    if version and version.connection:
        offer = preset_of(version.connection).offer(version.base_model)
        return openai_counter(offer.tokenizer) if offer and offer.tokenizer else None
    folder = folder_of(version.base_model if version else settings.BASE_MODEL)
    try:
        return local_counter(folder, 10 * WINDOW) if folder else None
    except (OSError, ValueError):  # a folder without a tokenizer.json
        return None


def note_fitting(note: Note, question: str, version: PersonaModel | None) -> Note:
    """The note, cut at a word where it would leave no room for question and reply."""
    if len(note.answer) + len(question) <= SURE_CHARACTERS:
        return note
    room = WINDOW - FRAME_TOKENS - REPLY_TOKENS
    row = {"prompt": question, "completion": note.answer}
    if DOUBT * token_estimate(row) <= room:
        return note
    count = tokens_of(version)
    return replace(note, answer=text_fitting(note.answer, count, max(0, room - count(question))))


def text_fitting(text: str, count: CountTokens, tokens: int) -> str:
    """As many whole words from the beginning of `text` as have at most `tokens` tokens."""
    while text and (found := count(text)) > tokens:
        shorter = text[: min(len(text) - 1, len(text) * tokens // found)]
        text = shorter.rpartition(" ")[0]
    return text

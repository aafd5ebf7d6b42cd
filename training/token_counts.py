"""How many tokens the rows of a training are: exact where the base model's tokenizer is at hand, else an estimate."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from django.core.cache import cache

from engine.recipes import RECIPES
from engine.token_count import Counter, local_counter, openai_counter
from questionnaires.dataset import Row
from training.choices import Choice
from training.local_models import folder_of
from training.row_files import RowFiles

CHARACTERS_PER_TOKEN, CHARACTERS_PER_TOKEN_OTHERWISE = 4.0, 1.6  # SmolLM2's tokenizer: ASCII; other alphabets
KEPT_SECONDS = 3600


@dataclass(frozen=True)
class TokenCount:
    """Tokens of the training rows, read once, and of the longest of them."""

    tokens: int
    longest: int
    exact: bool


def count_tokens(files: RowFiles, choice: Choice) -> TokenCount:
    """Of these rows with the tokenizer of the chosen model; kept for the next look at the page."""
    found = _counter(choice)
    if found is None:
        return _summed(map(token_estimate, files.training_rows), exact=False)
    name, make = found
    key = f"token_count:{name}:{files.sha256}"
    counted: TokenCount | None = cache.get(key)
    if counted is None:
        try:
            counted = _summed(make().count(files.training_rows), exact=True)
        except (OSError, ValueError):  # a folder without a tokenizer.json, or a template that refuses the roles
            return _summed(map(token_estimate, files.training_rows), exact=False)
        cache.set(key, counted, KEPT_SECONDS)
    return counted


def _summed(lengths: Iterable[int], *, exact: bool) -> TokenCount:
    each = list(lengths)
    return TokenCount(sum(each), max(each, default=0), exact)


def _counter(choice: Choice) -> tuple[str, Callable[[], Counter]] | None:
    """A name for the way of counting, and the counter; None where there is no tokenizer to count with."""
    if choice.preset:
        offer = choice.preset.offer(choice.base_model)
        encoding = offer.tokenizer if offer else ""
        return (encoding, lambda: openai_counter(encoding)) if encoding else None
    folder = folder_of(choice.base_model)
    if folder is None:
        return None
    longest = RECIPES[choice.recipe].max_tokens
    return f"{choice.base_model.replace(' ', '_')}:{longest}", lambda: local_counter(folder, longest)


def token_estimate(row: Row) -> int:
    """Tokens of a row, give or take a fifth; the exact count needs the base model's tokenizer."""
    texts = [message["content"] for message in row["messages"]] if "messages" in row else list(row.values())
    characters = sum(map(len, texts))
    plain = sum((text.isascii() and len(text)) or sum(c.isascii() for c in text) for text in texts)
    return round(plain / CHARACTERS_PER_TOKEN + (characters - plain) / CHARACTERS_PER_TOKEN_OTHERWISE)

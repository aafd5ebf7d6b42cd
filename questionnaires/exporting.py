"""The data set on its way out: what can be taken, in which part, and what will be in the file."""

from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Literal, get_args

from django.conf import settings
from django.core.cache import cache
from django.db.models import Count, Max
from django.utils import timezone
from django.utils.text import slugify
from django.utils.translation import gettext as _

from engine.base_models import locate
from engine.token_count import Counter, local_counter, openai_counter
from questionnaires.answer_stream import dataset_stream
from questionnaires.data_card import topic_titles
from questionnaires.dataset import Item, renderer, split_items
from questionnaires.dataset.book import Context, Words
from questionnaires.dataset.exports import FORMATS
from questionnaires.models import Answer, Persona

Part = Literal["all", "train", "validation"]
PARTS: tuple[str, ...] = get_args(Part)
FIRST_ITEMS = 3
PREVIEW_CHARACTERS = 4000
ROWS_AT_ONCE = 500
KEPT_SECONDS = 3600
NO_LIMIT = 1 << 30  # tokens of a row
OPENAI_ENCODING = "o200k_base"

# The file, or its renderer where that is what a model reads; a book shows its first lines as Markdown.
_RENDERED_AS = {"marker": "marker", "chat": "chat", "sharegpt": "chat", "parquet": "chat"}
_SHOWN_AS = {"parquet": "chat", "epub": "markdown", "pdf": "markdown"}


@dataclass(frozen=True)
class Tokens:
    """How much a model reads in the file; `of` names the tokenizer."""

    of: str
    count: int


@dataclass(frozen=True)
class ExportView:
    """What a file will hold, for the page."""

    rows: int
    words: int
    tokens: list[Tokens]
    first_lines: str
    first: list[Item]


def export_context(*, persona: Persona) -> Context:
    """Whose answers they are, and what a book says beside them in the language of the page."""
    words = Words(
        contents=_("Contents"),
        subtitle=_("In my own words"),
        missing=_("{count} signs, such as emoji, are not in this typeface; the EPUB and the Markdown file have them."),
    )
    identity, made = f"urn:uuid:{persona.pk}", timezone.now()
    return Context(persona.name, topic_titles(), persona.language, identity, made, words)


def export_items(*, persona: Persona, part: Part) -> Iterator[Item]:
    """The answers of a part, read as they are needed; the parts are those that a training here learns from and holds
    back, so none has a question or a near-copy of an answer of the other.
    """
    if part == "all":
        yield from dataset_stream(persona=persona)
        return
    held_out = {item.source for item in split_items(list(dataset_stream(persona=persona))).validation}
    yield from (item for item in dataset_stream(persona=persona) if (item.source in held_out) == (part == "validation"))


def export_file_name(*, persona: Persona, file_format: str, part: Part) -> str:
    """As in "ada-marker.jsonl" or "ada-marker-train.jsonl"."""
    suffix = "" if part == "all" else f"-{part}"
    return f"{slugify(persona.name) or 'persona'}-{file_format}{suffix}.{FORMATS[file_format].extension}"


def export_view_get(*, persona: Persona, file_format: str, part: Part) -> ExportView:
    """Rows, words and tokens exactly; the tokens are counted once for each state of the answers."""
    rows, words, first = 0, 0, []
    for item in export_items(persona=persona, part=part):
        rows, words = rows + 1, words + len(item.answer.split())
        if rows <= FIRST_ITEMS:
            first.append(item)
    shown = FORMATS[_SHOWN_AS.get(file_format, file_format)]
    text = b"".join(shown.write(first, export_context(persona=persona))).decode("utf-8-sig")
    if len(text) > PREVIEW_CHARACTERS:
        text = text[:PREVIEW_CHARACTERS] + "…"
    return ExportView(rows, words, _tokens(persona, file_format, part), text, first)


def _tokens(persona: Persona, file_format: str, part: Part) -> list[Tokens]:
    rendered_as = _RENDERED_AS.get(file_format)
    if rendered_as is None:
        return []
    state = Answer.objects.filter(persona=persona).aggregate(changed=Max("updated_at"), count=Count("pk"))
    key = f"export-tokens:{persona.pk}:{rendered_as}:{part}:{state['changed']}:{state['count']}".replace(" ", "_")
    found = cache.get(key)
    if found is None:
        found = list(_counted(persona, rendered_as, part))
        cache.set(key, found, KEPT_SECONDS)
    return list(found)


def _counted(persona: Persona, rendered_as: str, part: Part) -> Iterator[Tokens]:
    for name, make in _counters():
        with suppress(OSError, ValueError):  # a damaged tokenizer, or a template that refuses the roles
            yield Tokens(name, _count(persona, rendered_as, part, make()))


def _counters() -> Iterator[tuple[str, Callable[[], Counter]]]:
    """The tokenizers at hand: the base model's, once it is on this computer, and OpenAI's."""
    base = locate(settings.BASE_MODEL, Path(settings.BASE_DIR_CACHE))
    if base is not None:
        yield settings.BASE_MODEL, partial(local_counter, base.folder, NO_LIMIT)
    yield f"OpenAI ({OPENAI_ENCODING})", partial(openai_counter, OPENAI_ENCODING)


def _count(persona: Persona, rendered_as: str, part: Part, counter: Counter) -> int:
    chosen, total = renderer(rendered_as), 0
    items = export_items(persona=persona, part=part)
    while several := list(islice(items, ROWS_AT_ONCE)):
        total += sum(counter.count([chosen.row(item, name=persona.name) for item in several]))
    return total

"""Which answers say the same in other words, or contradict each other: looked for by a worker, shown with the findings.

The vectors of each answer are kept with a hash of its text, so a second look reads only what has changed.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, Protocol
from uuid import UUID

import numpy as np
from django.utils import timezone

from questionnaires.dataset import Finding, Item
from questionnaires.dataset.meaning import ENGLISH, MULTILINGUAL, Likeness, Pair, Vectors, sentences
from questionnaires.dataset.meaning import compare as compare_answers
from questionnaires.models import AnswerVectors, Comparison, Persona
from questionnaires.saving import text_digest
from questionnaires.services import dataset_build

LOST = timedelta(minutes=15)  # an older look was begun by a worker that is gone
FEWEST = 2  # answers
DIMENSION = 384
ANSWERS_AT_ONCE = 20  # whose vectors are stored together: a look that is cut short goes on there
SENTENCE_SHOWN = 160  # characters


class Encoder(Protocol):
    def embed(self, texts: Sequence[str]) -> Vectors:
        """Unit vectors, one a text."""


@dataclass(frozen=True)
class ComparisonView:
    """How far the look is: never, working, done. `changed` answers have been written since the last one."""

    state: str
    changed: int


def comparison_view_get(*, persona: Persona, items: Sequence[Item]) -> ComparisonView:
    row = Comparison.objects.filter(persona=persona).first()
    if row is None:
        return ComparisonView("never", len(items))
    if row.asked_at and row.asked_at > timezone.now() - LOST:
        return ComparisonView("working", 0)
    known = dict(AnswerVectors.objects.filter(answer__persona=persona).values_list("answer_id", "digest"))
    changed = sum(known.get(UUID(item.source)) != text_digest(item.answer) for item in items)
    return ComparisonView("done" if row.done_at else "never", changed)


def comparison_ask(*, persona: Persona) -> None:
    """Notes that a look is wanted; the caller rings the worker."""
    Comparison.objects.update_or_create(
        persona=persona, defaults={"asked_at": timezone.now()}, create_defaults=_new(persona)
    )


def _new(persona: Persona) -> dict[str, Any]:
    return {"asked_at": timezone.now(), "owner_id": persona.owner_id}


def comparison_drop(*, persona: Persona) -> None:
    """Forgets that a look was wanted, as nobody can be reached who would make it."""
    Comparison.objects.filter(persona=persona).update(asked_at=None)


def comparison_make(*, persona_id: UUID) -> None:
    """The look itself, in a worker: some seconds for what has changed. Nothing if the persona is gone by now."""
    persona = Persona.objects.filter(pk=persona_id).first()
    if persona is None:
        return
    items = dataset_build(persona=persona)
    space, likeness = _space([item.answer for item in items])
    vectors = _vectors(persona, items, space)
    pairs = compare_answers([item.answer for item in items], vectors, likeness)
    values = {"pairs": [_stored(pair, items) for pair in pairs], "asked_at": None, "done_at": timezone.now()}
    Comparison.objects.update_or_create(
        persona=persona, defaults=values, create_defaults={**values, "owner_id": persona.owner_id}
    )


def comparison_findings(*, persona: Persona, items: Sequence[Item]) -> list[Finding]:
    """What the last look found, as far as both texts are still those that it saw."""
    row = Comparison.objects.filter(persona=persona).first()
    by_source = {item.source: item for item in items}
    found = [_finding(pair, by_source) for pair in (row.pairs if row else [])]
    return [finding for finding in found if finding]


def _finding(pair: Mapping[str, Any], by_source: Mapping[str, Item]) -> Finding | None:
    one, other = (by_source.get(source) for source in pair["answers"])
    if one is None or other is None or [text_digest(one.answer), text_digest(other.answer)] != pair["digests"]:
        return None
    params = {"other": one.question, "other_source": one.source}
    if pair["kind"] == "contradiction":
        first, second = (text[:SENTENCE_SHOWN] for text in pair["texts"])
        params |= {"first": first, "second": second}
    return Finding(pair["kind"], other.source, "answer", params)


def _stored(pair: Pair, items: Sequence[Item]) -> dict[str, Any]:
    both = [items[pair.one], items[pair.other]]
    return {
        "kind": pair.kind,
        "answers": [item.source for item in both],
        "digests": [text_digest(item.answer) for item in both],
        "texts": list(pair.texts),
    }


def _space(texts: Sequence[str]) -> tuple[str, Likeness]:
    from engine.retrieval.multilingual import is_english

    return ("english", ENGLISH) if is_english(texts) else ("multilingual", MULTILINGUAL)


def encoder_of(space: str) -> Encoder:
    """Loaded for one look and given back after it: the worker has other things to do."""
    from engine.retrieval.encoder import Encoder as English
    from engine.retrieval.multilingual import MultilingualEncoder

    return English() if space == "english" else MultilingualEncoder()


def _vectors(persona: Persona, items: Sequence[Item], space: str) -> list[Vectors]:
    """Of each item's sentences, from what is kept or anew."""
    rows = AnswerVectors.objects.filter(answer__persona=persona, space=space)
    kept = {(str(row.answer_id), row.digest): _array(bytes(row.data)) for row in rows}
    keys = [(item.source, text_digest(item.answer)) for item in items]
    missing = [(key, item) for key, item in zip(keys, items, strict=True) if key not in kept]
    encoder = encoder_of(space) if missing else None
    for start in range(0, len(missing), ANSWERS_AT_ONCE):
        if encoder:
            kept |= _encoded(persona, missing[start : start + ANSWERS_AT_ONCE], space, encoder)
    return [kept[key] for key in keys]


def _encoded(
    persona: Persona, missing: Sequence[tuple[tuple[str, str], Item]], space: str, encoder: Encoder
) -> dict[tuple[str, str], Vectors]:
    texts = [sentences(item.answer) for _key, item in missing]
    flat = [text for several in texts for text in several]
    vectors = encoder.embed(flat) if flat else np.zeros((0, DIMENSION), np.float32)
    ends = np.cumsum([len(several) for several in texts])[:-1]
    found = {}
    for (key, _item), part in zip(missing, np.split(vectors, ends), strict=True):
        found[key] = part
        values = {"digest": key[1], "space": space, "data": np.asarray(part, "<f2").tobytes()}
        owner = {"owner_id": persona.owner_id}
        AnswerVectors.objects.update_or_create(answer_id=key[0], defaults=values, create_defaults={**values, **owner})
    return found


def _array(data: bytes) -> Vectors:
    return np.frombuffer(data, "<f2").reshape(-1, DIMENSION).astype(np.float32)

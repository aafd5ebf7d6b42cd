"""Learns the English space: a ranking on each half of the persons, their mean, and the gate on top."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from hashlib import sha256
from pathlib import Path

from engine.retrieval.encoder import Array, Encoder
from engine.retrieval.space import english_of
from engine.retrieval.tuning.data import MORE, Person, bank_wordings, development_persons, written_persons
from engine.retrieval.tuning.gates import learn_gate
from engine.retrieval.tuning.lessons import DIRECTIONS, encode_person, examples_of, projection_of
from engine.retrieval.tuning.network import Example
from engine.retrieval.tuning.ranking import learn_ranking, mean_of

CACHE = Path(tempfile.gettempdir()) / "retrieval-tuning"


def learn_english(left_out: set[str]) -> dict[str, Array]:
    """All arrays of the space by name, learned from the written persons; the others set the bound of the gate."""
    terse, more, development = (
        [person for person in group if person.name not in left_out and person.language == "en"]
        for group in (written_persons(), written_persons(MORE), development_persons())
    )
    pairs = bank_wordings(["en"])
    projection = projection_of(Encoder(), list(dict.fromkeys(question for _, question in pairs)))
    models = [learn_ranking([*terse[half::2], *more[half::2]], projection, pairs) for half in range(2)]
    return with_gate(models, terse, more, development)


def with_gate(
    models: Sequence[Mapping[str, Array]], terse: Sequence[Person], more: Sequence[Person], known: Sequence[Person]
) -> dict[str, Array]:
    """The mean of two rankings and its gate.

    The gate learns from each half of the persons as the model of the other half ranks it: two networks from the terse
    persons, who are most like chat, two from all. The mean ranks the development persons.
    """
    ranking = mean_of(*models)
    few, many = (
        [example for half in range(2) for example in _examples(group[half::2], models[1 - half])]
        for group in (terse, more)
    )
    sets = [few, [*few, *many]]
    gate = learn_gate(sets, _examples(known, ranking), DIRECTIONS)
    return {**ranking, **{f"gate/{name}": values for name, values in gate.items()}}


def _examples(persons: Sequence[Person], arrays: Mapping[str, Array]) -> list[Example]:
    content = b"".join(arrays[name].tobytes() for name in sorted(arrays))
    space = english_of(arrays, sha256(content).hexdigest()[:12])
    return [example for person in persons for example in examples_of(encode_person(person, space, CACHE), space)]

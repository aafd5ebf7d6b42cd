"""Learns the weights of both spaces and writes engine/retrieval/weights.npz.

`python -m engine.retrieval.tuning [--space NAME] [--leave-out NAME ...] [--out FILE]`: about half an hour on one core.
The persons of `data.HELD_OUT` are never used.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import torch

from engine.retrieval.encoder import Array, Encoder, save_arrays
from engine.retrieval.multilingual import MultilingualEncoder
from engine.retrieval.space import UNTUNED, WEIGHTS, Space, adapter_of
from engine.retrieval.tuning.adapter import Bank, learn_adapter
from engine.retrieval.tuning.data import (
    HELD_OUT,
    MORE,
    RUSSIAN,
    Person,
    bank_wordings,
    development_persons,
    written_persons,
)
from engine.retrieval.tuning.lessons import Encoded, encode_person, examples_of, lesson_of, projection_of
from engine.retrieval.tuning.network import Example, arrays_of, learn_network

MEMBERS = 4
FOLDS = 4
REFUSED = 0.12
"""The share of told answers that the bound may refuse on persons outside the training."""
DIRECTIONS = {"english": 64, "multilingual": 128}
"""Of the token states. 64 of e5 hold 67 % of their variance, 128 hold 83 %; at 10 % of the told of persons left out a
gate refuses 65 and 69 % of the never told."""


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--space", choices=["english", "multilingual"], help="learn one and keep the other")
    parser.add_argument("--leave-out", nargs="*", default=[], help="names of persons to learn without")
    parser.add_argument("--out", type=Path, default=WEIGHTS)
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    out = {*HELD_OUT, *arguments.leave_out}
    persons, more = (
        [person for person in group if person.name not in out]
        for group in ([*written_persons(), *development_persons()], written_persons(MORE))
    )
    spaces = [arguments.space] if arguments.space else ["english", "multilingual"]
    for name in spaces:
        if name == "english":
            learned = learn_space(name, Encoder(), persons)
            learned = with_second_gate(learned, learn_space(name, Encoder(), [*more, *persons]))
        else:
            russian = [person for person in written_persons(RUSSIAN, "ru") if person.name not in out]
            learned = learn_space(name, MultilingualEncoder(), [*more, *persons, *russian])
        write(arguments.out, name, learned)


def with_second_gate(first: dict[str, Array], second: dict[str, Array]) -> dict[str, Array]:
    """The ranking of `first` with the gate networks of both; the bound is the mean of theirs.

    The networks of the larger set err elsewhere than those of the smaller one; together they did best on the persons
    that neither saw.
    """
    prefix = "english/gate/"
    result = dict(first)
    for name, values in second.items():
        member, _, rest = name.removeprefix(prefix).partition("/")
        if name.startswith(prefix) and rest:
            result[f"{prefix}{int(member) + MEMBERS}/{rest}"] = values
    result[prefix + "offset"] = np.asarray((first[prefix + "offset"] + second[prefix + "offset"]) / 2, dtype=np.float32)
    return result


def write(path: Path, name: str, learned: dict[str, Array]) -> None:
    """Replaces the arrays of one space in the file."""
    kept: dict[str, Array] = {}
    if path.exists():
        with np.load(path, allow_pickle=False) as stored:
            kept = {key: stored[key] for key in stored.files if not key.startswith(f"{name}/")}
    partial = path.with_suffix(".partial")
    save_arrays(partial, {key: values.astype(np.float16) for key, values in (kept | learned).items()})
    partial.replace(path)
    print(f"wrote {path}, {path.stat().st_size / 1000:.0f} kB")


def learn_space(name: str, encoder: Encoder, persons: Sequence[Person]) -> dict[str, Array]:
    """All arrays of one space, under the names that `space` and `gate` read."""
    pairs = bank_wordings(["en"] if name == "english" else ["en", "ru"])
    texts = list(dict.fromkeys(question for _, question in pairs))
    projection = projection_of(encoder, texts, DIRECTIONS[name])
    space = Space(name, encoder, UNTUNED, projection, f"{name}-untuned-{len(texts)}-{DIRECTIONS[name]}")
    cache = Path(tempfile.gettempdir()) / "retrieval-tuning"
    chosen = [person for person in persons if name == "multilingual" or person.language == "en"]
    encoded = [encode_person(person, space, cache) for person in chosen]
    print(f"{name}: {len(chosen)} persons, {sum(len(person.asked) for person in chosen)} messages", flush=True)
    bank = _bank(pairs, texts, encoder)
    learned = learn_adapter([lesson_of(person) for person in encoded], bank)
    result = {f"{name}/{key}": values for key, values in learned.items()}
    result |= {f"{name}/tokens/mean": projection.mean, f"{name}/tokens/directions": projection.directions}
    examples = _examples(encoded, space, bank)
    width = DIRECTIONS[name]
    return result | {f"{name}/gate/{key}": values for key, values in _learn_gate(encoded, examples, width).items()}


def _examples(encoded: Sequence[Encoded], space: Space, bank: Bank) -> list[list[Example]]:
    """The gate's examples by person, each ranked by an adapter that never saw the person: as it will be in use."""
    groups: list[list[Example]] = [[] for _ in encoded]
    for fold in range(FOLDS):
        rest = [lesson_of(person) for place, person in enumerate(encoded) if place % FOLDS != fold]
        tuned = replace(space, adapter=adapter_of(learn_adapter(rest, bank)))
        for place in range(fold, len(encoded), FOLDS):
            groups[place] = examples_of(encoded[place], tuned)
    return groups


def _learn_gate(encoded: Sequence[Encoded], examples: Sequence[list[Example]], width: int) -> dict[str, Array]:
    result = {"offset": _offset(encoded, examples, width)}
    everything = [example for group in examples for example in group]
    for seed in range(MEMBERS):
        network = learn_network(everything, width, seed)
        result |= {f"{seed}/{key}": values for key, values in arrays_of(network).items()}
        print(f"  network {seed + 1} of {MEMBERS}", flush=True)
    return result


def _offset(encoded: Sequence[Encoded], examples: Sequence[list[Example]], width: int) -> Array:
    """The log-odds under which persons left out of the training have 12 % of the told messages: those who speak the
    space's own languages, else the development persons."""
    development = {person.name for person in development_persons()}
    places = [place for place, person in enumerate(encoded) if person.person.language != "en"]
    places = places or [place for place, person in enumerate(encoded) if person.person.name in development]
    told: list[float] = []
    never: list[float] = []
    for fold in (places[start::FOLDS] for start in range(min(FOLDS, len(places)))):
        rest = [example for other, group in enumerate(examples) if other not in fold for example in group]
        network = learn_network(rest, width, seed=100)
        kept = [example for place in fold for example in examples[place] if example.weight >= 1]
        with torch.no_grad():
            none = network([example.case for example in kept])[:, -1].double().exp().clamp(1e-6, 1 - 1e-6).numpy()
        odds = np.log((1 - none) / none)
        told += [value for value, example in zip(odds, kept, strict=True) if example.told]
        never += [value for value, example in zip(odds, kept, strict=True) if not example.told]
    bound = float(np.quantile(told, REFUSED))
    share = float(np.mean(np.array(never) < bound))
    print(f"  left out in turn: {share:.0%} of the never told refused at {REFUSED:.0%} of the told", flush=True)
    return np.array(bound, dtype=np.float32)


def _bank(pairs: Sequence[tuple[str, str]], questions: Sequence[str], encoder: Encoder) -> Bank:
    place = {question: row for row, question in enumerate(questions)}
    return (
        torch.tensor(encoder.embed([wording for wording, _ in pairs])),
        torch.tensor(encoder.embed(questions)),
        torch.tensor([place[question] for _, question in pairs]),
    )


if __name__ == "__main__":
    main()

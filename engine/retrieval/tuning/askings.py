"""Reads the messages of `askings/*.yaml` with both encoders and writes engine/retrieval/askings.npz: two minutes.

`python -m engine.retrieval.tuning.askings`, after a change there or in the texts of the question bank.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import yaml

from engine.retrieval.askings import askings_save
from engine.retrieval.encoder import Array, Encoder
from engine.retrieval.multilingual import MultilingualEncoder
from engine.retrieval.tuning.data import TOPICS

FOLDER = Path(__file__).with_name("askings")


@dataclass(frozen=True)
class Asked:
    """A question of the bank: its texts and wordings in both languages, and the messages that ask for it."""

    slug: str
    texts: tuple[str, ...]
    english: tuple[str, ...]
    russian: tuple[str, ...]


def asked_read() -> Iterator[Asked]:
    """All questions of the bank in their order. A question without messages raises a KeyError with its slug."""
    for path in sorted(TOPICS.glob("*.yaml")):
        messages = yaml.safe_load((FOLDER / path.name).read_text("utf-8"))
        for question in yaml.safe_load(path.read_text("utf-8"))["questions"]:
            texts = [text for name in ("en", "ru") for text in (question[name]["text"], *question[name]["wordings"])]
            found = messages[question["slug"]]
            yield Asked(question["slug"], tuple(texts), tuple(found["en"]), tuple(found["ru"]))


def main() -> None:
    asked = list(asked_read())
    english, multilingual = Encoder(), MultilingualEncoder()
    spaces: dict[str, list[Array]] = {
        "english": [english.embed(one.english) for one in asked],
        "multilingual": [multilingual.embed(one.russian) for one in asked],
    }
    askings_save([(text, group) for group, one in enumerate(asked) for text in one.texts], spaces)


if __name__ == "__main__":
    main()

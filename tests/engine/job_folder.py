"""Job folders for the tests of training."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any


def chat_row(question: str, answer: str, note: str = "") -> dict[str, Any]:
    """A row as the product renders it."""
    system = "You are Ada." + (f" These are your own words:\n- {note}" if note else "")
    texts = (("system", system), ("user", question), ("assistant", answer))
    return {"messages": [{"role": role, "content": text} for role, text in texts]}


def few_rows(count: int = 12) -> list[dict[str, Any]]:
    """Rows of different lengths, with notes and without."""
    rows = []
    for number in range(count):
        answer = f"I have {number} cats and {number + 3} pianos" + ", which I tune" * (number % 3) + "."
        rows.append(chat_row(f"What about number {number}?", answer, answer if number % 3 else ""))
    return rows


@dataclass
class JobFolder:
    """A job folder in the making."""

    folder: Path
    base_model: str
    cache_dir: Path
    rows: list[dict[str, Any]] = field(default_factory=few_rows)
    validation: list[dict[str, Any]] = field(default_factory=lambda: few_rows(3))
    settings: dict[str, Any] = field(default_factory=dict)
    overrides: dict[str, Any] = field(default_factory=dict)

    def write(self) -> Path:
        self.folder.mkdir(exist_ok=True)
        settings = {
            "base_model": self.base_model,
            "cache_dir": str(self.cache_dir),
            "recipe": "quick",
            "seed": 1,
            "overrides": self.overrides,
            "samples": [],
        }
        (self.folder / "job.json").write_text(json.dumps({**settings, **self.settings}))
        for name, rows in (("train", self.rows), ("validation", self.validation)):
            (self.folder / f"{name}.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
        return self.folder

    def events(self, kind: str = "") -> list[dict[str, Any]]:
        lines = (self.folder / "progress.jsonl").read_text().splitlines()
        return [event for event in map(json.loads, lines) if kind in ("", event["event"])]

    def losses(self) -> list[float]:
        return [event["loss"] for event in self.events("step")]

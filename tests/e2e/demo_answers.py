"""The demo persona's answers as a file that can be imported."""

import json
from pathlib import Path

import yaml

DATA = Path(__file__).parents[2] / "questionnaires" / "data"


def demo_answers_write(path: Path) -> Path:
    """Writes a JSON list of question and answer, 160 of them."""
    topics = [yaml.safe_load(file.read_text("utf-8")) for file in (DATA / "topics").glob("*.yaml")]
    texts = {question["slug"]: question["en"]["text"] for topic in topics for question in topic["questions"]}
    answers = yaml.safe_load((DATA / "demo.yaml").read_text("utf-8"))["answers"]
    path.write_text(json.dumps([{"question": texts[slug], "answer": text} for slug, text in answers.items()]))
    return path

"""The ledger of docs/security.md tells the truth about itself: what it names is there, and nothing is left out."""

import re
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
PAGE = (ROOT / "docs" / "security.md").read_text("utf-8")
ROW = re.compile(r"^\| (\d+\.\d+\.\d+) \| ([123]) \| ([^|]+) \| ([^|]+) \|$", re.M)
REASONS = ("Not", "Documents:", "`make audit`")
WHOLE_CHAPTERS_OUT = {9, 10, 17}


def rows() -> list[tuple[str, str]]:
    return [(item, proof.strip()) for item, _level, _what, proof in ROW.findall(PAGE)]


def test_every_named_test_exists():
    missing = []
    for name in re.findall(r"`(tests/[^`]+)`", PAGE):
        path, _colons, function = name.partition("::")
        file = ROOT / path
        if not file.exists() or (function and f"def {function}(" not in file.read_text("utf-8")):
            missing.append(name)
    assert missing == []


def test_every_item_has_a_test_or_a_reason():
    bare = [item for item, proof in rows() if "`tests/" not in proof and not proof.startswith(REASONS)]
    assert bare == []


def test_items_are_named_once_and_of_every_chapter_that_applies():
    items = [item for item, _proof in rows()]
    assert len(items) == len(set(items)) > 150
    assert {int(item.split(".")[0]) for item in items} == set(range(1, 17)) - WHOLE_CHAPTERS_OUT
    assert len(items) == len(re.findall(r"^\| \d", PAGE, re.M)), "a row that cannot be read"

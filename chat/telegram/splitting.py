"""Long texts as Telegram takes them. Pure. Its lengths are in UTF-16 units: an emoji counts twice."""

LIMIT = 4096


def units(text: str) -> int:
    return len(text.encode("utf-16-le")) // 2


def split(text: str, limit: int = LIMIT) -> list[str]:
    """Parts of at most `limit` units, ended at a paragraph, a sentence or a word; an empty text has none."""
    parts: list[str] = []
    rest = text.strip()
    while units(rest) > limit:
        head = _head(rest, limit)
        end = _end(head)
        parts.append(head[:end].rstrip())
        rest = rest[end:].lstrip()
    return [*parts, rest] if rest else parts


def _head(text: str, limit: int) -> str:
    """The longest beginning that fits; a pair of surrogates is not parted."""
    return text.encode("utf-16-le")[: 2 * limit].decode("utf-16-le", errors="ignore")


def _end(head: str) -> int:
    for sign in ("\n\n", "\n", ". ", "? ", "! ", " "):
        place = head.rfind(sign)
        if place > len(head) // 2:
            return place + len(sign)
    return len(head)

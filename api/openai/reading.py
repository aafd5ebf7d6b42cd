"""Bodies and queries of programs, read field by field with a sentence for each fault."""

import json
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, TypeVar
from uuid import UUID

from django.http import HttpRequest

from api.openai.errors import ApiError, invalid

Body = dict[str, Any]
Row = TypeVar("Row")


def json_body(request: HttpRequest) -> Body:
    """The JSON object that was sent. ApiError 400, 413 or 415."""
    if request.content_type != "application/json":
        raise ApiError(415, "Send the request with the header Content-Type: application/json.", "invalid_content_type")
    try:
        body = json.loads(request.body)
    except (ValueError, RecursionError) as error:
        raise ApiError(400, f"The request's body is not valid JSON: {str(error)[:200]}.", "invalid_json") from None
    if not isinstance(body, dict):
        raise ApiError(400, "The request's body must be a JSON object.", "invalid_json")
    return body


def text(body: Body, name: str, most: int = 1000) -> str:
    """A text that is there; it can be stored."""
    value = body.get(name)
    if not isinstance(value, str) or not value:
        raise invalid(name, f"`{name}` is missing or not a text.")
    return storable(value, name, most)


def optional_text(body: Body, name: str, most: int = 1000) -> str:
    """The text, or an empty one where it is left out."""
    return "" if body.get(name) is None else text(body, name, most)


def storable(value: str, name: str, most: int) -> str:
    """`value`, unless a database cannot hold it or it is longer than `most` characters."""
    if len(value) > most:
        raise invalid(name, f"`{name}` has more than {most} characters.")
    if "\0" in value or any("\ud800" <= character <= "\udfff" for character in value):
        raise invalid(name, f"`{name}` holds a NUL or half of a surrogate pair, which is no character.")
    return value


def number(body: Body, name: str, low: float, high: float, *, whole: bool, where: str = "") -> float | int | None:
    """A number from `low` to `high`; None where it is left out or “auto”."""
    value, shown = body.get(name), where or name
    if value is None or value == "auto":
        return None
    kind = int if whole else (int, float)
    if isinstance(value, bool) or not isinstance(value, kind) or not low <= value <= high:
        what = "a whole number" if whole else "a number"
        raise invalid(shown, f"`{shown}` must be “auto” or {what} from {low:g} to {high:g}.")
    return value


def metadata(body: Body) -> dict[str, str] | None:
    """Up to 16 pairs of texts, as OpenAI has it: keys of 64 characters, values of 512."""
    given = body.get("metadata")
    if given is None:
        return None
    if not isinstance(given, dict) or len(given) > 16 or not all(isinstance(value, str) for value in given.values()):
        raise invalid("metadata", "`metadata` must be an object of at most 16 texts.")
    return {storable(key, "metadata", 64): storable(value, "metadata", 512) for key, value in given.items()}


@dataclass(frozen=True)
class Page:
    """Which part of a list is wanted."""

    limit: int
    after: str

    def of(self, rows: Sequence[Row]) -> tuple[Sequence[Row], bool]:
        """The page of rows that were looked up one further, and whether there are more."""
        return rows[: self.limit], len(rows) > self.limit


def page_read(request: HttpRequest, usual: int, most: int) -> Page:
    given = request.GET.get("limit", "") or str(usual)
    if not (given.isascii() and given.isdigit() and len(given) < 8) or not 1 <= int(given) <= most:
        raise invalid("limit", f"`limit` must be a whole number from 1 to {most}.")
    return Page(int(given), request.GET.get("after", ""))


def key_of(identifier: str, prefix: str) -> UUID | None:
    """The UUID in an id such as file-0123…; None where it is no such id."""
    digits = identifier.removeprefix(prefix)
    if digits == identifier or len(digits) != 32 or not all(digit in "0123456789abcdef" for digit in digits):
        return None
    return UUID(digits)

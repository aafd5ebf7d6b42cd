"""Lines of the log: for people or as JSON, with the request's id, and never with a person's words, a key or an address.

An exception's message may hold a text, a row or a token: of most kinds only the kind is told, with the places in the
program where it happened. Addresses may hold the token of a link: Django's lines about requests name the view instead.
structlog would do the JSON; what is needed beyond it (the two rules above) is the larger part, so this is the whole.
"""

import json
import logging
import traceback
from collections.abc import Mapping
from datetime import UTC, datetime
from types import TracebackType
from typing import Any

from django.db import OperationalError

from accounts.request_id import request_id, user_key

# Their messages name what the program is made of, not what people wrote.
TELLING: tuple[type[BaseException], ...] = (ImportError, AttributeError, NameError, RecursionError, OperationalError)
EXTRAS = ("view", "method", "status", "milliseconds")
ExcInfo = tuple[type[BaseException] | None, BaseException | None, TracebackType | None]


def exception_words(error: BaseException) -> str:
    """The kind of an exception, with its message where that can hold nothing of a person."""
    kind = f"{type(error).__module__}.{type(error).__qualname__}".removeprefix("builtins.")
    if isinstance(error, OSError) and error.strerror:
        return f"{kind}: {error.strerror}"
    first = str(error).partition("\n")[0]  # PostgreSQL's further lines may hold a row
    return f"{kind}: {first}" if isinstance(error, TELLING) else kind


def exception_lines(error: BaseException) -> list[str]:
    """Kind and places of an exception and of those that led to it, the first one first."""
    before = error.__cause__ or (None if error.__suppress_context__ else error.__context__)
    places = [f"  {frame.filename}:{frame.lineno} {frame.name}" for frame in traceback.extract_tb(error.__traceback__)]
    return [*(exception_lines(before) if before else []), *places, exception_words(error)]


class WithoutWords(logging.Filter):
    """Takes out of a record what may hold somebody's words: addresses, and exceptions given to the message."""

    def filter(self, record: logging.LogRecord) -> bool:
        if isinstance(record.args, tuple):
            path, view = _path_and_view(record)
            record.args = tuple(view if path and each == path else _told(each) for each in record.args)
        elif isinstance(record.args, Mapping) and "exc" in record.args:  # Celery's, of a task that failed
            record.args = {**record.args, "exc": "it raised an exception"}
        return True


def _told(value: object) -> object:
    return exception_words(value) if isinstance(value, BaseException) else value


def _path_and_view(record: logging.LogRecord) -> tuple[str, str]:
    """The address of a line about a request, and the name of the view in its place."""
    request = getattr(record, "request", None)
    match = getattr(request, "resolver_match", None)
    return getattr(request, "path", ""), match.view_name if match and match.view_name else "an unknown address"


class Plain(logging.Formatter):
    """For people."""

    def __init__(self) -> None:
        super().__init__("%(asctime)s %(levelname)s %(name)s: %(message)s")

    def format(self, record: logging.LogRecord) -> str:
        record.exc_text = None  # another handler may have kept the whole of it
        line = super().format(record)
        record.exc_text = None
        return f"{line} [{request_id()}]" if request_id() else line

    def formatMessage(self, record: logging.LogRecord) -> str:
        """A message is one line: what somebody sent forges no second one."""
        return super().formatMessage(record).replace("\r", "\\r").replace("\n", "\\n")

    def formatException(self, ei: Any) -> str:
        return "\n".join(exception_lines(ei[1]) if ei[1] else [])


class JsonLines(logging.Formatter):
    """One JSON object a line: time (UTC), level, logger, message, and what is known of request, user and exception."""

    def format(self, record: logging.LogRecord) -> str:
        line: dict[str, Any] = {
            "time": datetime.fromtimestamp(record.created, UTC).isoformat(timespec="milliseconds"),
            "level": record.levelname,
            "logger": record.name,
            "message": record.getMessage(),
            "request": request_id() or None,
            "user": user_key(),
            **{name: getattr(record, name, None) for name in EXTRAS},
        }
        if record.exc_info and record.exc_info[1]:
            line["exception"] = exception_lines(record.exc_info[1])
        return json.dumps({key: value for key, value in line.items() if value is not None}, ensure_ascii=False)

"""Keeps the tokens of links out of the log: Django notes the path of each request that it refuses."""

import logging
import re

_TOKEN = re.compile(r"(/(?:with|which|receipt)/)[\w-]{8,}")


class TokensOut(logging.Filter):
    """Puts "…" in place of a link's token in whatever is logged."""

    def filter(self, record: logging.LogRecord) -> bool:
        message = record.getMessage()
        clean = _TOKEN.sub(r"\1…", message)
        if clean != message:
            record.msg, record.args = clean, ()
        return True

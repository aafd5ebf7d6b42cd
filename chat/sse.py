"""Server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html)."""

import json
from typing import Any

CONTENT_TYPE = "text/event-stream"
HEADERS = {"Cache-Control": "no-cache", "X-Accel-Buffering": "no"}  # nginx would hold the tokens back


def event(name: str, data: dict[str, Any]) -> str:
    """One event. JSON keeps the data on one line, and ASCII keeps U+2028 from looking like a line's end."""
    return f"event: {name}\ndata: {json.dumps(data, ensure_ascii=True)}\n\n"

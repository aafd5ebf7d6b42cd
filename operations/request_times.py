"""What requests and saves take, as this process measures them. Each web process has its own figures."""

from prometheus_client import CollectorRegistry, Histogram

METHODS = frozenset({"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"})
SAVE = "answer"  # name of the view that pages save to while a person types

registry = CollectorRegistry()
_requests = Histogram(
    "persona_request_seconds",
    "Requests by view, from their coming to the beginning of the answer",
    ["view", "method", "status"],
    buckets=(0.005, 0.02, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60),
    registry=registry,
)
_saves = Histogram(
    "persona_save_seconds",
    "Saves of answers while a person types, from their coming to the answer",
    ["status"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.03, 0.05, 0.075, 0.1, 0.2, 0.5, 1, 5),
    registry=registry,
)


def request_measured(view: str, method: str, status: int, seconds: float) -> None:
    """Counts a request. Labels have few values: whatever a stranger sends makes no new ones."""
    hundreds = f"{status // 100}xx"
    _requests.labels(view, method if method in METHODS else "other", hundreds).observe(seconds)
    if view == SAVE and method == "PUT":
        _saves.labels(hundreds).observe(seconds)

"""Every answer of /v1 held against OpenAI's published description."""

import json
import re

import pytest

from tests.provider_standin import schema

ROUTES = [
    (name, method.upper(), re.compile("/v1" + re.sub(r"\{\w+\}", "(.+)" if "model" in path else "([^/]+)", path) + "$"))
    for name, (method, path) in schema.OPERATIONS.items()
]
CHUNKS = {
    "chat.completions.create": "CreateChatCompletionStreamResponse",
    "completions.create": "CreateCompletionResponse",
}
# A paused job says so, as OpenAI's own service does; its description lists six statuses and forgot this one.
PAUSED = re.compile(r"^(data\.\d+\.)?status: 'paused' is not one of")


def operation_of(method, path):
    return next((name for name, verb, pattern in ROUTES if verb == method and pattern.match(path)), "")


class Contract:
    """A hook for an HTTP client. `checked` counts answers by operation, `faults` says what was wrong.

    Embeddings in base64 are OpenAI's as well, though its description knows lists of numbers alone.
    """

    def __init__(self):
        if schema.unchecked():
            pytest.skip(schema.unchecked())
        self.checked, self.faults = {}, []

    def __call__(self, response):
        operation = operation_of(response.request.method, response.request.url.path)
        if not response.headers.get("x-request-id"):
            self.note(operation, ["no x-request-id"])
        if response.headers["content-type"].startswith("text/event-stream"):
            return
        response.read()
        if response.status_code != 200:
            self.note(operation, faults_of_error(response))
        elif operation != "files.content" and not is_base64(operation, response.request):
            self.note(operation, schema.faults_of_answer(operation, response.json()))

    def chunk(self, operation, event):
        """One event of a stream."""
        value = json.loads(event) if isinstance(event, str) else event
        self.note(operation, schema.faults_of_schema(CHUNKS[operation], value))

    def note(self, operation, faults):
        self.checked[operation] = self.checked.get(operation, 0) + 1
        self.faults += [f"{operation}: {fault}" for fault in faults if not PAUSED.match(fault)]


def is_base64(operation, request):
    return operation == "embeddings.create" and b'"base64"' in request.content


def faults_of_error(response):
    """`ErrorResponse`: code, message, param and type, and nothing instead of them."""
    error = response.json().get("error", {})
    faults = [f"error without {name}" for name in ("code", "message", "param", "type") if name not in error]
    return faults + ([] if error.get("message") and error.get("type") else ["empty error"])

"""Response bodies against OpenAI's published description of its API, where a copy of it lies near the repository."""

from __future__ import annotations

import json
import os
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import yaml
from jsonschema import Draft202012Validator
from referencing import Registry, Resource
from referencing.jsonschema import DRAFT202012

from tests.engine.serving.conftest import BASE, Running

pytestmark = pytest.mark.slow

ROOT = Path(__file__).parents[3]
PLACES = [Path(os.environ.get("OPENAI_OPENAPI", "openai-openapi.yml"))]
PLACES += [folder / "shared" / "data" / "openai-openapi.yml" for folder in (ROOT, ROOT.parent)]
CHAT = {"model": BASE, "messages": [{"role": "user", "content": "Hi"}], "max_tokens": 3, "temperature": 0}
TEXT = {"model": BASE, "prompt": "Hi", "max_tokens": 3, "temperature": 0}


@pytest.fixture(scope="session")
def description() -> dict[str, Any]:
    found = [place for place in PLACES if place.is_file()]
    if not found:
        pytest.skip("OpenAI's description of its API is not here; name its file in OPENAI_OPENAPI")
    with found[0].open("rb") as file:
        content: dict[str, Any] = yaml.load(file, Loader=yaml.CSafeLoader)
    return {"components": {"schemas": nullable_as_null(content["components"]["schemas"])}}


def nullable_as_null(schema: Any) -> Any:
    """The description says `nullable: true`, which is OpenAPI 3.0's way; JSON Schema has a type for it."""
    if isinstance(schema, list):
        return [nullable_as_null(one) for one in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: nullable_as_null(value) for key, value in schema.items() if key != "nullable"}
    return {"anyOf": [plain, {"type": "null"}]} if schema.get("nullable") is True else plain


@pytest.fixture(scope="session")
def check(description: dict[str, Any]) -> Any:
    """Validate a body against a named schema."""
    registry = Registry().with_resource("urn:api", Resource(description, DRAFT202012))

    def validate(body: Any, schema: str) -> None:
        reference = {"$ref": f"urn:api#/components/schemas/{schema}"}
        problems = [
            f"{error.json_path}: {error.message[:300]}"
            for error in Draft202012Validator(reference, registry=registry).iter_errors(body)
        ]
        assert not problems

    return validate


def post(server: Running, path: str, body: dict[str, Any]) -> bytes:
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(), {"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=30) as answer:
        data: bytes = answer.read()
    return data


def events(data: bytes) -> list[Any]:
    lines = data.decode().split("\n\n")
    assert lines[-2:] == ["data: [DONE]", ""]
    return [json.loads(line.removeprefix("data: ")) for line in lines[:-2]]


def test_models(server: Running, check: Any) -> None:
    with urllib.request.urlopen(f"{server.url}/v1/models", timeout=10) as answer:
        body = json.load(answer)
    check(body, "ListModelsResponse")
    assert body["data"]


@pytest.mark.parametrize("extra", [{}, {"logprobs": True, "top_logprobs": 2}, {"n": 2, "stop": ["zzz"]}])
def test_chat(server: Running, check: Any, extra: dict[str, Any]) -> None:
    check(json.loads(post(server, "/v1/chat/completions", {**CHAT, **extra})), "CreateChatCompletionResponse")
    streamed = post(server, "/v1/chat/completions", {**CHAT, **extra, "stream": True})
    for chunk in events(streamed):
        check(chunk, "CreateChatCompletionStreamResponse")
    with_usage = {"stream": True, "stream_options": {"include_usage": True}}
    last = events(post(server, "/v1/chat/completions", {**CHAT, **extra, **with_usage}))[-1]
    check(last, "CreateChatCompletionStreamResponse")
    assert last["usage"]["total_tokens"] == last["usage"]["prompt_tokens"] + last["usage"]["completion_tokens"]


@pytest.mark.parametrize("extra", [{}, {"logprobs": 2}, {"prompt": ["a", "b"]}])
def test_completions(server: Running, check: Any, extra: dict[str, Any]) -> None:
    check(json.loads(post(server, "/v1/completions", {**TEXT, **extra})), "CreateCompletionResponse")
    for chunk in events(post(server, "/v1/completions", {**TEXT, **extra, "stream": True})):
        # OpenAI's description gives streamed completions the schema of whole ones, whose finish_reason is never null.
        for choice in chunk["choices"]:
            choice["finish_reason"] = choice["finish_reason"] or "stop"
        check(chunk, "CreateCompletionResponse")


@pytest.mark.parametrize("encoding", ["float", "base64"])
def test_embeddings(server: Running, check: Any, encoding: str) -> None:
    body = json.loads(post(server, "/v1/embeddings", {"model": BASE, "input": ["a", "b"], "encoding_format": encoding}))
    if encoding == "base64":  # the description knows the parameter, but no such response
        assert all(isinstance(one.pop("embedding"), str) for one in body["data"])
        for one in body["data"]:
            one["embedding"] = [0.0]
    check(body, "CreateEmbeddingResponse")


def test_errors(server: Running, check: Any) -> None:
    with pytest.raises(urllib.error.HTTPError) as caught:
        post(server, "/v1/chat/completions", {**CHAT, "model": "nobody"})
    with caught.value as answer:
        check(json.load(answer), "ErrorResponse")

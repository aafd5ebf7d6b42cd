"""The published OpenAPI document, as far as the stand-in speaks it."""

import json
import os
import re
import tempfile
from functools import cache
from pathlib import Path
from typing import Any

DOCUMENT = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "openai-openapi.yml"
JOB, FILE = "{fine_tuning_job_id}", "{file_id}"
OPERATIONS = {
    "files.create": ("post", "/files"),
    "files.list": ("get", "/files"),
    "files.retrieve": ("get", f"/files/{FILE}"),
    "files.delete": ("delete", f"/files/{FILE}"),
    "files.content": ("get", f"/files/{FILE}/content"),
    "jobs.create": ("post", "/fine_tuning/jobs"),
    "jobs.list": ("get", "/fine_tuning/jobs"),
    "jobs.retrieve": ("get", f"/fine_tuning/jobs/{JOB}"),
    "jobs.cancel": ("post", f"/fine_tuning/jobs/{JOB}/cancel"),
    "jobs.pause": ("post", f"/fine_tuning/jobs/{JOB}/pause"),
    "jobs.resume": ("post", f"/fine_tuning/jobs/{JOB}/resume"),
    "jobs.list_events": ("get", f"/fine_tuning/jobs/{JOB}/events"),
    "checkpoints.list": ("get", f"/fine_tuning/jobs/{JOB}/checkpoints"),
    "models.list": ("get", "/models"),
    "models.retrieve": ("get", "/models/{model}"),
    "models.delete": ("delete", "/models/{model}"),
    "chat.completions.create": ("post", "/chat/completions"),
    "completions.create": ("post", "/completions"),
    "embeddings.create": ("post", "/embeddings"),
}


def unchecked() -> str:
    """Why requests are not checked; empty if they are."""
    return "" if DOCUMENT.is_file() else f"{DOCUMENT.name} is not there, so no request was checked against it."


@cache
def load() -> dict[str, Any]:
    """The operations of the stand-in and the schemas that they use. Read once on a machine: the document is long."""
    status = DOCUMENT.stat()
    facts = (os.getuid(), status.st_size, status.st_mtime_ns, Path(__file__).stat().st_mtime_ns)
    kept = Path(tempfile.gettempdir()) / f"openai-openapi-{'-'.join(map(str, facts))}.json"
    if kept.is_file():
        return dict(json.loads(kept.read_text()))
    import yaml

    with DOCUMENT.open(encoding="utf-8") as file:
        whole = yaml.load(file, Loader=yaml.CSafeLoader)
    paths = {path: whole["paths"][path] for _method, path in OPERATIONS.values()}
    schemas = _closure(paths, whole["components"]["schemas"])
    found = {"paths": paths, "components": {"schemas": _modern(schemas)}}
    part = kept.with_suffix(f".{os.getpid()}")
    part.write_text(json.dumps(found, default=str))
    part.replace(kept)
    return found


def _closure(paths: dict[str, Any], schemas: dict[str, Any]) -> dict[str, Any]:
    """The schemas that are used, and those that they use."""
    found: dict[str, Any] = {}
    waiting = _named(paths)
    while waiting:
        name = waiting.pop()
        if name in schemas and name not in found:
            found[name] = schemas[name]
            waiting |= _named(schemas[name])
    return found


def _named(part: Any) -> set[str]:
    return set(re.findall(r"#/components/schemas/([\w.-]+)", json.dumps(part, default=str)))


def _modern(schema: Any) -> Any:
    """The document says 3.1 and still writes OpenAPI 3.0's `nullable` and a boolean `exclusiveMinimum` at places."""
    if isinstance(schema, list):
        return [_modern(each) for each in schema]
    if not isinstance(schema, dict):
        return schema
    new = {name: _modern(value) for name, value in schema.items()}
    if new.get("exclusiveMinimum") is True:
        new["exclusiveMinimum"] = new.pop("minimum")
    if new.get("nullable") is True and "type" in new:
        new["type"] = [new["type"], "null"] if isinstance(new["type"], str) else new["type"]
        new |= {"enum": [*new["enum"], None]} if None not in new.get("enum", [None]) else {}
    return new


@cache
def _validator(operation: str, what: str) -> Any:
    from jsonschema import Draft202012Validator

    method, path = OPERATIONS[operation]
    described = load()["paths"][path][method]
    content = (described.get("requestBody") or {}) if what == "request" else described["responses"]["200"]
    schemas = [each.get("schema") for each in (content.get("content") or {}).values()]
    schema = schemas[0] if schemas else {"maxProperties": 0}
    return Draft202012Validator({**schema, "components": load()["components"]})


def faults_of_request(operation: str, body: Any, query: dict[str, str]) -> list[str]:
    """Sentences about a body or query that the document does not allow."""
    if unchecked():
        return []
    method, path = OPERATIONS[operation]
    described = load()["paths"][path][method].get("parameters", [])
    known = {parameter["name"] for parameter in described if parameter["in"] == "query"}
    unknown = [name for name in query if name.split("[")[0] not in known]
    return [f"unknown query parameter {name}" for name in unknown] + _faults(operation, "request", body)


def faults_of_answer(operation: str, body: Any) -> list[str]:
    """The same for what the stand-in itself answers."""
    return _faults(operation, "response", body)


def faults_of_schema(name: str, value: Any) -> list[str]:
    """About a value that should be of a named schema of the document, as the events of a stream are."""
    return _sentences(_named_validator(name), value)


@cache
def _named_validator(name: str) -> Any:
    from jsonschema import Draft202012Validator

    components = load()["components"]
    return Draft202012Validator({"$ref": f"#/components/schemas/{name}", "components": components})


def _faults(operation: str, what: str, body: Any) -> list[str]:
    return _sentences(_validator(operation, what), {} if body is None else body)


def _sentences(validator: Any, value: Any) -> list[str]:
    found = validator.iter_errors(value)
    return [f"{'.'.join(map(str, error.absolute_path)) or 'body'}: {error.message[:200]}" for error in found]

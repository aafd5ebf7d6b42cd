"""OpenAPI's description of the API as what a page shows: rooms, operations, fields."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

METHODS = ("get", "post", "put", "delete")


@dataclass(frozen=True)
class Field:
    name: str
    kind: str  # as in "integer, 1 to 200"
    about: str
    required: bool


@dataclass(frozen=True)
class Operation:
    method: str
    path: str
    about: str
    parameters: list[Field]
    body: list[Field]
    answers: list[tuple[str, list[Field]]]  # a status below 400, and the fields of what comes with it


@dataclass(frozen=True)
class Room:
    title: str
    operations: list[Operation]


def rooms_of(schema: Mapping[str, Any]) -> list[Room]:
    """The operations by their tag, in the order in which the description has them."""
    rooms: dict[str, Room] = {}
    for path, entry in schema["paths"].items():
        for method in METHODS:
            if operation := entry.get(method):
                title = operation["tags"][0]
                rooms.setdefault(title, Room(title, [])).operations.append(_operation(schema, method, path, operation))
    return list(rooms.values())


def _operation(schema: Mapping[str, Any], method: str, path: str, operation: Mapping[str, Any]) -> Operation:
    parameters = [each for each in operation.get("parameters", []) if each["in"] == "query"]
    body = operation.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema", {})
    answers = [(str(code), answer) for code, answer in operation["responses"].items() if int(code) < 400]
    return Operation(
        method=method.upper(),
        path=path,
        about=operation.get("description", "").replace("`", ""),
        parameters=[_field(schema, p["name"], p["schema"], p.get("required", False)) for p in parameters],
        body=list(_fields(schema, body)),
        answers=[(code, list(_fields(schema, _json(answer)))) for code, answer in answers],
    )


def _json(answer: Mapping[str, Any]) -> Mapping[str, Any]:
    found: Mapping[str, Any] = answer.get("content", {}).get("application/json", {}).get("schema", {})
    return found


def _fields(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> Iterable[Field]:
    shape = _resolved(schema, shape)
    required = shape.get("required", [])
    for name, each in shape.get("properties", {}).items():
        yield _field(schema, name, each, name in required)


def _resolved(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> Mapping[str, Any]:
    reference = shape.get("$ref", "")
    if not reference:
        return shape
    found: Mapping[str, Any] = schema["components"]["schemas"][reference.rpartition("/")[2]]
    return found


def _field(schema: Mapping[str, Any], name: str, shape: Mapping[str, Any], required: bool) -> Field:
    return Field(name, _kind(schema, shape), shape.get("description", ""), required)


def _kind(schema: Mapping[str, Any], shape: Mapping[str, Any]) -> str:
    """In words: "list of objects (slug, text)", "uuid or null", "integer, 1 to 200"."""
    if choices := shape.get("anyOf"):
        return " or ".join(_kind(schema, each) for each in choices)
    if "$ref" in shape:
        return f"object ({', '.join(_resolved(schema, shape).get('properties', {}))})"
    if shape.get("type") == "array":
        return f"list of {_kind(schema, shape.get('items', {}))}"
    if shape.get("enum"):
        return " | ".join(map(str, shape["enum"]))
    least, most = shape.get("minimum"), shape.get("maximum")
    limits = f", {least} to {most}" if least is not None and most is not None else ""
    return f"{shape.get('format') or shape.get('type', 'any')}{limits}"

"""Operations of the investigation API as tools: names, texts and schemas follow from the API's own description."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal
from urllib.parse import quote

ALSO = ("/api/v1/vocabulary",)
"""Paths that are about no session, and of use to whoever works on one."""
_OF_SESSION = re.compile(r"/api/v1/sessions/\{(?P<session>\w+)\}(/|$)")
_METHODS = ("get", "post", "put", "patch", "delete")
_COMPONENT = "#/components/schemas/"

Document = Mapping[str, Any]
Place = Literal["path", "query", "body"]


@dataclass(frozen=True, slots=True)
class Request:
    """What is sent for a call of a tool; `path` begins at the server's root."""

    method: str
    path: str
    query: Sequence[tuple[str, Any]] = ()
    body: Mapping[str, Any] | None = None


@dataclass(frozen=True, slots=True)
class Tool:
    """One operation, bound to a session.

    `schema` is the JSON schema of its arguments: an object, each key of which is at its `places` in the request.
    """

    name: str
    description: str
    method: str
    path: str
    places: Mapping[str, Place]
    schema: Document
    has_body: bool = False

    def request(self, arguments: Mapping[str, Any]) -> Request:
        """The request of a call, whose arguments all stand in the schema."""
        path, query, body = self.path, [], {}
        for name, value in arguments.items():
            place = self.places[name]
            if place == "path":
                path = path.replace(f"{{{name}}}", quote(str(value), safe=""))
            elif place == "body":
                body[name] = value
            elif value is not None:
                query += [(name, _text(one)) for one in (value if isinstance(value, list) else [value])]
        return Request(self.method.upper(), path, tuple(query), body if self.has_body else None)


def tools(openapi: Document, session: str) -> tuple[Tool, ...]:
    """A tool for each operation on the session of this id, and for those that are about none and of use."""
    return tuple(_tools(openapi, session))


def _tools(openapi: Document, session: str) -> Iterator[Tool]:
    for path, operations in openapi["paths"].items():
        within = _OF_SESSION.match(path)
        if within is None and path not in ALSO:
            continue
        bound = path.replace(f"{{{within['session']}}}", quote(session, safe="")) if within else path
        known = within["session"] if within else ""
        for method in _METHODS:
            if method in operations:
                yield _tool(openapi, method, bound, operations[method], known)


def _tool(openapi: Document, method: str, path: str, operation: Document, known: str) -> Tool:
    properties: dict[str, Any] = {}
    places: dict[str, Place] = {}
    required: list[str] = []
    for parameter in operation.get("parameters", ()):
        name, place = parameter["name"], parameter["in"]
        if name == known or place not in ("path", "query"):
            continue  # a header or a cookie is the client's matter
        told = {"description": parameter["description"]} if "description" in parameter else {}
        properties[name] = _plain(parameter["schema"]) | told
        places[name] = place
        required += [name] * parameter.get("required", False)
    body = operation.get("requestBody")
    if body is not None:
        fields, needed = _fields(openapi, body["content"]["application/json"]["schema"])
        if both := properties.keys() & fields.keys():
            raise ValueError(
                f"{operation['operationId']}: {sorted(both)} stand both in the path or query and in the body"
            )
        properties |= fields
        places |= dict.fromkeys(fields, "body")
        required += needed
    schema: dict[str, Any] = {"type": "object", "properties": properties, "additionalProperties": False}
    if required:
        schema["required"] = required
    if defs := _definitions(openapi, schema):
        schema["$defs"] = defs
    return Tool(
        operation["operationId"],
        operation.get("description") or operation.get("summary", ""),
        method,
        path,
        places,
        _renamed(schema),
        has_body=body is not None,
    )


def _fields(openapi: Document, schema: Document) -> tuple[dict[str, Any], list[str]]:
    """Properties of a body and which are needed; of a body of several forms, those of all, none of them needed."""
    if "$ref" in schema:
        return _fields(openapi, openapi["components"]["schemas"][schema["$ref"].removeprefix(_COMPONENT)])
    if options := schema.get("anyOf") or schema.get("oneOf"):
        fields: dict[str, Any] = {}
        for option in options:
            fields |= _fields(openapi, option)[0]
        return fields, []
    return {name: _plain(one) for name, one in schema.get("properties", {}).items()}, list(schema.get("required", ()))


def _plain(schema: Document) -> dict[str, Any]:
    """Without the titles that pydantic derives from names."""
    return {key: value for key, value in schema.items() if key != "title"}


def _definitions(openapi: Document, schema: Any) -> dict[str, Any]:
    """What a schema refers to, directly or through others."""
    found: dict[str, Any] = {}
    open_ends = [schema]
    while open_ends:
        for name in _references(open_ends.pop()):
            if name not in found:
                found[name] = _plain(openapi["components"]["schemas"][name])
                open_ends.append(found[name])
    return found


def _references(value: Any) -> Iterator[str]:
    if isinstance(value, Mapping):
        if isinstance(reference := value.get("$ref"), str):
            yield reference.removeprefix(_COMPONENT)
        for inner in value.values():
            yield from _references(inner)
    elif isinstance(value, list):
        for inner in value:
            yield from _references(inner)


def _renamed(value: Any) -> Any:
    """With references to definitions beside it instead of to the API's components, those of discriminators too."""
    if isinstance(value, str):
        return value.replace(_COMPONENT, "#/$defs/") if value.startswith(_COMPONENT) else value
    if isinstance(value, Mapping):
        return {key: _renamed(inner) for key, inner in value.items()}
    return [_renamed(inner) for inner in value] if isinstance(value, list) else value


def _text(value: Any) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)

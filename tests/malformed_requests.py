"""Requests each of which is wrong in one way, drawn by a seed from all operations of an API."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from random import Random
from typing import Any
from urllib.parse import urlencode

NO_NUMBERS = ("nan", "inf", "-inf", "1e400", "soon", "", "0x10", "1" * 400, "٣ ٤", "1;2", "[1]")
NO_JSON = (
    b"",
    b"{",
    b"nul",
    b'{"a":}',
    b"\xff\xfe",
    b'"' + b"\x00" * 8,
    b"{'a': 1}",
    b"[" * 20_000,
    b"\x1f\x8b\x08",
    b"a=1&b=2",
)
NO_OBJECTS: tuple[Any, ...] = (None, 1, "text", [], [{}], True)
NO_VALUES: tuple[Any, ...] = ({"a": {}}, [[]], "x" * 30_000, 10**400, "\ud800")
"""Of no field of any body."""
NO_PATHS = (
    "/static/../../../../etc/passwd", "/static/%2e%2e/%2e%2e/pyproject.toml", "/static/..%5c..%5cx", "/static/%00",
    "/static//etc/passwd", "/static/app.js/", "/static/" + "%2e" * 200, "/api/v1/../../run.json", "/api/v2/me", "/api",
    "/api/v1/sessions//alerts", "//etc/passwd", "/docs", "/" + "a/" * 600, "/index.html.bak", "/.git/config",
)  # fmt: skip
BODY_BYTES = 64 * 1024


@dataclass(frozen=True)
class Wrong:
    """One request, and in which way it is wrong. A header that is None is left out."""

    way: str
    method: str
    path: str
    raw: bytes | None = None
    headers: Mapping[str, str | None] = field(default_factory=dict)


def malformed(openapi: Mapping[str, Any], session: str, seed: int) -> Iterator[Wrong]:
    """Without end: each way in its turn, on an operation that is drawn among those that can be wrong in that way."""
    random = Random(seed)
    found = [_Operation(path.replace("{session}", session), method, one, openapi)
             for path, methods in openapi["paths"].items() for method, one in methods.items()]  # fmt: skip
    ways: list[Callable[[Random, list[_Operation]], Wrong]] = [
        _number, _body, _no_object, _field, _more, _missing, _too_long, _type, _method, _unknown, _token, _host, _csrf,
        _length, _path, _text, _query,
    ]  # fmt: skip
    while True:
        for way in ways:
            yield way(random, found)


class _Operation:
    """One operation, with its path filled in."""

    def __init__(self, path: str, method: str, content: Mapping[str, Any], openapi: Mapping[str, Any]) -> None:
        self.path, self.method = path, method.upper()
        for parameter in content.get("parameters", ()):
            if parameter["in"] == "path":
                self.path = self.path.replace(f"{{{parameter['name']}}}", "features")
        query = [one for one in content.get("parameters", ()) if one["in"] == "query"]
        self.numbers = [one["name"] for one in query if {"number", "integer"} & set(_types(one["schema"]))]
        self.needed = [one["name"] for one in query if one.get("required")]
        body = content.get("requestBody", {}).get("content", {}).get("application/json", {}).get("schema")
        self.has_body = body is not None
        known = (
            openapi["components"]["schemas"].get(body["$ref"].rpartition("/")[2], {}) if body and "$ref" in body else {}
        )
        self.fields = list(known.get("properties", {}))


def _types(schema: Mapping[str, Any]) -> Iterator[str]:
    yield from (one["type"] for one in (schema, *schema.get("anyOf", ())) if "type" in one)


def _with_body(random: Random, found: list[_Operation]) -> _Operation:
    return random.choice([one for one in found if one.has_body])


def _number(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice([one for one in found if one.numbers])

    given = dict.fromkeys(one.needed, "error_ratio:x") | {random.choice(one.numbers): random.choice(NO_NUMBERS)}
    return Wrong("no number", one.method, f"{one.path}?{urlencode(given)}")


def _body(random: Random, found: list[_Operation]) -> Wrong:
    one = _with_body(random, found)
    return Wrong("no JSON", one.method, one.path, random.choice(NO_JSON))


def _no_object(random: Random, found: list[_Operation]) -> Wrong:
    one = _with_body(random, found)
    return Wrong("no object", one.method, one.path, json.dumps(random.choice(NO_OBJECTS)).encode())


def _field(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice([one for one in found if one.fields])
    return Wrong(
        "no value", one.method, one.path, json.dumps({name: random.choice(NO_VALUES) for name in one.fields}).encode()
    )


def _more(random: Random, found: list[_Operation]) -> Wrong:
    one = _with_body(random, found)
    return Wrong(
        "an unknown field", one.method, one.path, json.dumps({"truth": random.random(), "__proto__": {}}).encode()
    )


def _missing(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice([one for one in found if one.needed])
    return Wrong("a parameter is missing", one.method, one.path)


def _too_long(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice(found)
    if random.random() < 0.5 and one.has_body:
        return Wrong("a long body", one.method, one.path, b" " * random.randint(BODY_BYTES + 1, 4 * BODY_BYTES))
    return Wrong("a long address", one.method, f"{one.path}?x={'y' * random.randint(8_001, 60_000)}")


def _type(random: Random, found: list[_Operation]) -> Wrong:
    one = _with_body(random, found)
    kind = random.choice(
        ("text/plain", "multipart/form-data; boundary=x", "application/xml", "application/x-www-form-urlencoded", "")
    )
    return Wrong("another content type", one.method, one.path, b"a=1", {"content_type": kind})


def _method(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice(found)
    there = {other.method for other in found if other.path == one.path}
    method = random.choice(sorted({"GET", "POST", "PUT", "PATCH", "DELETE", "TRACE", "CONNECT", "BREW"} - there))
    return Wrong("another method", method, one.path)


def _unknown(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice([one for one in found if "/sessions/" in one.path])
    name = random.choice(("0", "%00", "..%2f..", "%F0%9F%92%A5", "-" * 200, "'%20or%201=1", "null"))
    parts = one.path.split("/")
    parts[parts.index("sessions") + 1] = name
    return Wrong("an unknown session", one.method, "/".join(parts), b"{}" if one.has_body else None)


def _token(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice(found)
    given = random.choice((None, "Bearer", "Bearer x", "Basic YTpi", "Bearer " + "é" * 50, "Bearer " + "x" * 5_000))
    return Wrong("another token", one.method, one.path, headers={"authorization": given})


def _host(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice(found)
    host = random.choice(("evil.example", "127.0.0.1:1", "127.0.0.1.evil.example:80", "", "[::1", "localhost:x", None))
    return Wrong("another host", one.method, one.path, headers={"host": host})


def _csrf(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice([one for one in found if one.method != "GET"])
    wrong = random.choice((None, "", "0" * 32))
    return Wrong(
        "no CSRF token", one.method, one.path, b"{}", {"authorization": None, "cookie": "COOKIE", "x_csrf_token": wrong}
    )


def _length(random: Random, found: list[_Operation]) -> Wrong:
    one = _with_body(random, found)
    length = random.choice(("-1", "1e3", "x", "9" * 30, str(BODY_BYTES * 10)))
    return Wrong("no length", one.method, one.path, b"{}", {"content_length": length})


def _path(random: Random, _: list[_Operation]) -> Wrong:
    return Wrong("no such path", "GET", random.choice(NO_PATHS))


def _text(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice(
        [one for one in found if (one.fields and "board" in one.path) or one.path.endswith("participants")]
    )
    text = random.choice(("\ud800", "x" * 60_000))
    return Wrong("no text", one.method, one.path, json.dumps(dict.fromkeys(one.fields or ["name"], text)).encode())


def _query(random: Random, found: list[_Operation]) -> Wrong:
    one = random.choice(found)
    name = random.choice(("truth", "OF", "%F0%9F%92%A5", "%00", "limit[]", "x" * 4_000))
    return Wrong("an unknown parameter", one.method, f"{one.path}?{name}=1", b"{}" if one.has_body else None)

"""What a request must fulfil before anything looks at it: host, size, token, CSRF, rate; and headers of all answers.

Plain ASGI: no endpoint can forget it.
"""

from __future__ import annotations

import ipaddress
import time
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import sha256
from http.cookies import CookieError, SimpleCookie
from typing import TYPE_CHECKING, Any, NamedTuple
from urllib.parse import parse_qsl, quote, urlencode

from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from lab.api.problems import lab_failed, problem
from lab.investigation.store import Participant

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

BODY_BYTES = 64 * 1024
PATH_BYTES, QUERY_BYTES = 1_000, 8_000
TOKEN_CHARACTERS = 200
SAFE = ("GET", "HEAD", "OPTIONS")
CSRF_HEADER = "x-csrf-token"
JOINING = "_joining"
"""Ends the name of the cookie with the token of a group's link."""
MOST_CLIENTS = 10_000
"""Whose rates are remembered."""

HEADERS = {
    "content-security-policy": "default-src 'self'; object-src 'none'; base-uri 'none'; form-action 'self'; "
    "frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), microphone=(), geolocation=()",
}
"""Of every answer."""

LOCKED = "This page needs a link that ends in ?token=…: the one that `lab train` printed, or your personal one.\n"


class Identity(NamedTuple):
    """Who asks; `who` is None for somebody with the group's link who has not given a name yet."""

    who: Participant | None
    role: str
    csrf: str


@dataclass
class Rate:
    """How much each client may ask: `per_s` on average, `burst` at once."""

    per_s: float = 50.0
    burst: float = 200.0
    _left: OrderedDict[str, tuple[float, float]] = field(default_factory=OrderedDict)

    def allows(self, client: str, now_s: float) -> bool:
        """Whether one more request is in order."""
        left, since_s = self._left.pop(client, (self.burst, now_s))
        left = min(self.burst, left + (now_s - since_s) * self.per_s)
        is_allowed = left >= 1
        self._left[client] = (left - is_allowed, now_s)
        while len(self._left) > MOST_CLIENTS:
            self._left.popitem(last=False)
        return is_allowed


class Hosts:
    """Names under which a server may be asked: of loopback its own, else also addresses and this machine's names."""

    def __init__(self, host: str, port: int, names: tuple[str, ...] = ()) -> None:
        self.port = port
        self.is_loopback = is_loopback(host)
        self._names = {"localhost", "127.0.0.1", "[::1]", *(name.lower() for name in names)}
        self._names.add(f"[{host}]" if ":" in host else host.lower())

    def allow(self, header: str) -> bool:
        """Whether a Host header names this server. An address cannot be made to lead elsewhere, as a name can."""
        name, colon, port = header.lower().rpartition(":")
        if not colon or not port.isdigit():
            name, port = header.lower(), "80"
        if port != str(self.port):
            return False
        return name in self._names or (not self.is_loopback and _is_address(name.strip("[]")))


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach a host."""
    return host == "localhost" or (_is_address(host) and ipaddress.ip_address(host).is_loopback)


def _is_address(text: str) -> bool:
    try:
        ipaddress.ip_address(text)
    except ValueError:
        return False
    return True


def csrf_of(token: str) -> str:
    """What pages must send along with each change, made from the token, which no other site knows."""
    return sha256(f"csrf {token}".encode("utf-8", "replace")).hexdigest()[:32]


class Guard:
    """The outermost layer of the app."""

    def __init__(
        self, app: ASGIApp, *, hosts: Hosts, identify: Callable[[str], Identity | None], rate: Rate | None = None
    ) -> None:
        self._app = app
        self._hosts = hosts
        self._identify = identify
        self._rate = rate or Rate()
        self.cookie = f"lab_training_{hosts.port}"  # a browser sends cookies to every port of a host

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        if scope["type"] != "http":
            await send({"type": "websocket.close", "code": 1008})
            return
        is_begun = False

        async def guarded(message: Message) -> None:
            nonlocal is_begun
            if message["type"] == "http.response.start":
                is_begun = True
                message["headers"] = [*message["headers"], *_more_headers(message["headers"], scope["path"])]
            await send(message)

        try:
            refused, receive = await self._checked(scope, receive)
            await (refused or self._app)(scope, receive, guarded)
        except Exception as error:
            _complain(scope, error)
            if not is_begun:
                await lab_failed()(scope, receive, guarded)

    async def _checked(self, scope: Scope, receive: Receive) -> tuple[Response | None, Receive]:
        """What to answer instead, and the body that was read."""
        headers = {name.decode("latin-1"): value.decode("latin-1") for name, value in scope["headers"]}
        if not self._hosts.allow(headers.get("host", "")):
            return problem(
                421, "this server has another name", expected="the host of the link that was printed"
            ), receive
        if (
            len(scope.get("raw_path") or scope["path"].encode()) > PATH_BYTES
            or len(scope["query_string"]) > QUERY_BYTES
        ):
            expected = f"a path up to {PATH_BYTES} and a query up to {QUERY_BYTES} bytes"
            return problem(414, "the address is too long", expected=expected), receive
        client = scope["client"][0] if scope.get("client") else ""
        token, is_cookie = self._token(headers)
        given = self._given(scope)
        if given is not None:
            return self._entered(scope, headers, *given, client), receive
        identity = self._identify(token) if token else None
        if not self._rate.allows(
            f"token {sha256(token.encode()).hexdigest()}" if identity else client, time.monotonic()
        ):
            answer = problem(429, "too many requests", expected=f"up to {self._rate.per_s:g} a second")
            answer.headers["retry-after"] = "1"
            return answer, receive
        if identity is None:
            return _locked(scope), receive
        if is_cookie and scope["method"] not in SAFE and headers.get(CSRF_HEADER) != identity.csrf:
            return problem(
                403, f"the header {CSRF_HEADER} is missing or wrong", hint="GET /api/v1/me tells it"
            ), receive
        scope.setdefault("state", {})["identity"] = identity
        return await _read_body(headers, receive)

    def _token(self, headers: dict[str, str]) -> tuple[str, bool]:
        """The token that a request brings, and whether it came as a cookie."""
        kind, _, token = headers.get("authorization", "").partition(" ")
        if kind.lower() == "bearer":
            return token.strip()[:TOKEN_CHARACTERS], False
        try:
            cookies = SimpleCookie(headers.get("cookie", ""))
        except CookieError:
            return "", False
        found = [cookies[name].value for name in (self.cookie, f"{self.cookie}{JOINING}") if name in cookies]
        tokens = [token[:TOKEN_CHARACTERS] for token in found]
        return next((token for token in tokens if self._identify(token)), ""), True

    def _given(self, scope: Scope) -> tuple[str, str] | None:
        """(the token of a link, the rest of its query); None for a request without one."""
        if scope["method"] != "GET" or b"token=" not in scope["query_string"] or scope["path"].startswith("/api/"):
            return None
        pairs = parse_qsl(scope["query_string"].decode("latin-1"), keep_blank_values=True)
        tokens = [value for name, value in pairs if name == "token"]
        rest = urlencode([(name, value) for name, value in pairs if name != "token"])
        return (tokens[-1], rest) if tokens else None

    def _entered(self, scope: Scope, headers: dict[str, str], token: str, rest: str, client: str) -> Response:
        """Takes the token out of the address, and leaves it in a cookie."""
        if not self._rate.allows(client, time.monotonic()):
            return PlainTextResponse("too many requests\n", 429)
        identity = self._identify(token[:TOKEN_CHARACTERS])
        if identity is None:
            return _locked(scope)
        # Two slashes, or backslashes for them, would lead to another server.
        where = "/" + quote(scope["path"].lstrip("/\\")) + (f"?{rest}" if rest else "")
        answer: Response
        if headers.get("sec-fetch-site") == "cross-site":
            # A strict cookie is not sent on a redirect that another site began, as a link in a chat does.
            place = where.replace("&", "&amp;").replace('"', "&quot;").replace("<", "&lt;")
            answer = HTMLResponse(
                f'<!doctype html><meta http-equiv="refresh" content="0; url={place}"><title>lab</title>'
            )
        else:
            answer = RedirectResponse(where, 303)
        # Whoever follows the group's link once more stays who they are: it has a cookie of its own.
        set_cookie(answer, self.cookie if identity.who else f"{self.cookie}{JOINING}", token)
        return answer


def set_cookie(answer: Response, name: str, token: str) -> None:
    """Leaves a token with a browser: no script reads it, no other site sends it."""
    answer.set_cookie(name, token, httponly=True, samesite="strict", path="/", max_age=30 * 24 * 3600)


def _locked(scope: Scope) -> Response:
    if scope["path"].startswith("/api/"):
        hint = "send Authorization: Bearer TOKEN, or open the link that was printed"
        answer: Response = problem(401, "no token, or one that is not known here", hint=hint)
    else:
        answer = PlainTextResponse(LOCKED, 401)
    answer.headers["www-authenticate"] = "Bearer"
    return answer


async def _read_body(headers: dict[str, str], receive: Receive) -> tuple[Response | None, Receive]:
    """Reads a body that is not too long, once, for whoever wants it."""
    length = headers.get("content-length", "0")
    too_long = problem(413, "the body is too long", expected=f"at most {BODY_BYTES} bytes")
    if not length.isdigit() or len(length) > 12 or int(length) > BODY_BYTES:
        return too_long, receive
    body, more = b"", True
    if length == "0" and "transfer-encoding" not in headers:
        return None, receive
    while more:
        message = await receive()
        if message["type"] != "http.request":
            break
        body += message.get("body", b"")
        more = message.get("more_body", False)
        if len(body) > BODY_BYTES:
            return too_long, receive
    sent = False

    async def again() -> Message:
        nonlocal sent
        if sent:
            return await receive()
        sent = True
        return {"type": "http.request", "body": body, "more_body": False}

    return None, again


def _more_headers(given: Any, path: str) -> list[tuple[bytes, bytes]]:
    names = {name.lower() for name, _ in given}
    more = dict(HEADERS)
    more["cache-control"] = "no-store" if path.startswith("/api/") else "no-cache"
    return [(name.encode(), value.encode()) for name, value in more.items() if name.encode() not in names]


def _complain(scope: Scope, error: Exception) -> None:
    """A line for whoever runs the server; whoever asked learns nothing of it."""
    import sys
    import traceback

    last = traceback.extract_tb(error.__traceback__)[-1:]
    where = f" at {last[0].filename}:{last[0].lineno}" if last else ""
    sys.stderr.write(f"{scope['method']} {scope['path']!r:.200} failed: {type(error).__name__}: {error}{where}\n")

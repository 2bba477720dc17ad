"""Access to a service's control endpoints: requests need its token, `Authorization: Bearer TOKEN`."""

from __future__ import annotations

import hmac
import json
from collections.abc import Collection
from typing import Any

from services.common.settings import variable

VARIABLE = "CONTROL_TOKEN"
REFUSED_STATUS = 401
REFUSED_HEADERS = {"WWW-Authenticate": 'Bearer realm="control"'}


class Guard:
    """Lets requests with the token pass, and those of `open_paths` without one; every other path is control."""

    def __init__(self, token: str, open_paths: Collection[str]) -> None:
        if not token.strip():
            raise ValueError("a control token must not be empty")
        self._token = token.encode()
        self._open_paths = frozenset(open_paths)

    @classmethod
    def of(cls, *open_paths: str) -> Guard:
        """With the token of the environment; SystemExit where there is none."""
        token = variable(VARIABLE)
        if not token.strip():
            raise SystemExit(f"{VARIABLE} is empty: control endpoints are not served without a token")
        return cls(token, open_paths)

    def refusal(self, path: str, authorization: str | None) -> dict[str, str] | None:
        """The body of the answer to a request that must not pass; None for one that may. Takes the same time always."""
        if path in self._open_paths:
            return None
        scheme, _, given = (authorization or "").partition(" ")
        is_right = hmac.compare_digest(given.strip().encode(errors="replace"), self._token)
        if scheme.lower() == "bearer" and is_right:
            return None
        seen = "a wrong token" if authorization else "no token"
        return {"error": f"{seen}; expected the header 'Authorization: Bearer TOKEN' with this service's token of .env"}


def middleware(guard: Guard) -> Any:
    """The guard for aiohttp: no handler sees a request that must not pass, and its body is not read."""
    from aiohttp import web

    @web.middleware
    async def admit(request: web.Request, handler: Any) -> web.StreamResponse:
        refusal = guard.refusal(request.path, request.headers.get("Authorization"))
        if refusal is not None:
            return web.json_response(refusal, status=REFUSED_STATUS, headers=REFUSED_HEADERS)
        response: web.StreamResponse = await handler(request)
        return response

    return admit


class AsgiGuard:
    """The guard around an ASGI application: a request that must not pass is answered here, and its body is not read."""

    def __init__(self, app: Any, guard: Guard) -> None:
        self._app = app
        self._guard = guard

    async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "http":
            authorization = dict(scope["headers"]).get(b"authorization", b"").decode("latin-1")
            refusal = self._guard.refusal(scope["path"], authorization)
            if refusal is not None:
                await _answer(send, refusal)
                return
        await self._app(scope, receive, send)


async def _answer(send: Any, refusal: dict[str, str]) -> None:
    body = json.dumps(refusal).encode()
    headers = {"Content-Type": "application/json", "Content-Length": str(len(body)), **REFUSED_HEADERS}
    encoded = [(name.lower().encode(), value.encode()) for name, value in headers.items()]
    await send({"type": "http.response.start", "status": REFUSED_STATUS, "headers": encoded})
    await send({"type": "http.response.body", "body": body})

"""The app: the endpoints, the pages beside them, and the guard around both."""

from __future__ import annotations

import asyncio
import sqlite3
import sys
import threading
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import anyio.to_thread
from fastapi import APIRouter, Depends, FastAPI
from starlette.exceptions import HTTPException
from starlette.responses import FileResponse, PlainTextResponse, Response
from starlette.staticfiles import StaticFiles
from starlette.types import ASGIApp, Scope

from lab import __version__
from lab.api.parameters import only_known
from lab.api.problems import ProblemAnswer, handle_problems
from lab.api.routes import board, doing, exploring, group, lineages, people, sessions, telemetry
from lab.api.security import Guard, Hosts, Identity, Rate, csrf_of
from lab.investigation.codes import as_typed
from lab.investigation.store import Participant
from lab.investigation.training import Training

PREFIX = "/api/v1"
PARTS = tuple(part.router for part in (people, sessions, telemetry, exploring, lineages, doing, board, group))
"""Every group of endpoints."""
PAGES = Path(__file__).resolve().parents[1] / "web"
"""The training pages: `index.html` and `static/`."""
MOST_PARTICIPANTS = 500
THREADS = 16
"""Requests that look something up at a time."""
EACH_S = 1.0
"""How often running clocks are looked after."""

_DESCRIPTION = """\
What can be known of an incident up to a session's clock, and what a person, a script or an agent can do about it.

Begin a session, ask for it until it is `ready`, let its clock go on or jump, look at what there is, and submit a
diagnosis. Say who you are with `Authorization: Bearer TOKEN`. Times are scenario seconds since the load began.
"""


@dataclass(frozen=True)
class Tokens:
    """Tokens of links, by the role that they give: `solo`; or `joining` and `instructor`."""

    links: Mapping[str, str]
    """Role by token."""


def create_app(
    training: Training,
    tokens: Tokens,
    *,
    host: str = "127.0.0.1",
    port: int = 80,
    names: tuple[str, ...] = (),
    rate: Rate | None = None,
) -> ASGIApp:
    """The ASGI app of a training. `host`, `port`, `names`: what it is asked as; requests for others are refused.

    It needs no server: `httpx.ASGITransport(create_app(…))`, with `Host: HOST:PORT` and a token.
    """
    known = _Known(training, tokens)
    hosts = Hosts(host, port, names)
    app = FastAPI(
        title="chaos-lab investigation API",
        version=__version__,
        description=_DESCRIPTION,
        openapi_url="/api/openapi.json",
        docs_url=None,
        redoc_url=None,
        swagger_ui_oauth2_redirect_url=None,
        redirect_slashes=False,
        lifespan=_lifespan,
    )
    guard = Guard(app, hosts=hosts, identify=known.identify, rate=rate)
    app.state.training = training
    app.state.forget = known.forget
    app.state.cookie = guard.cookie
    app.state.most_participants = MOST_PARTICIPANTS
    wrong: dict[int | str, dict[str, Any]] = {"4XX": {"model": ProblemAnswer, "description": "what is wrong"}}
    router = APIRouter(prefix=PREFIX, responses=wrong, dependencies=[Depends(only_known)])
    for part in PARTS:
        router.include_router(part)
    app.include_router(router)
    handle_problems(app)
    app.add_api_route("/", _page, methods=["GET", "HEAD"], include_in_schema=False, response_class=Response)
    if (PAGES / "static").is_dir():
        app.mount("/static", _Files(directory=PAGES / "static"), name="static")
    return guard


async def _page() -> Response:
    page = PAGES / "index.html"
    if not page.is_file():
        return PlainTextResponse("This lab was installed without its pages; the API is at /api/v1.\n", 404)
    return FileResponse(page, media_type="text/html; charset=utf-8")


class _Files(StaticFiles):
    """Files, each under one path: Starlette would also give one for its path with a slash at the end."""

    def get_path(self, scope: Scope) -> str:
        if scope["path"].endswith("/"):
            raise HTTPException(404)
        return super().get_path(scope)


class _Known:
    """Who is behind a token, or a personal code as somebody typed it; asked of the store once for each."""

    def __init__(self, training: Training, tokens: Tokens) -> None:
        self._store = training.store
        self._links = tokens.links
        self._found: dict[str, Identity] = {}
        self._lock = threading.Lock()

    def identify(self, token: str) -> Identity | None:
        token = as_typed(token)
        found = self._found.get(token)
        if found is None:
            with self._lock:  # so that what is forgotten meanwhile is not noted again
                role = self._links.get(token)
                who = self._somebody(role) if role else self._store.participant_of(token)
                if role is None and who is None:
                    return None
                found = self._found[token] = Identity(who, role or (who.role if who else ""), csrf_of(token))
        return found

    def forget(self, who: Participant) -> None:
        """Asks the store anew for whoever has another token now."""
        with self._lock:
            for token in [token for token, found in self._found.items() if found.who == who]:
                del self._found[token]

    def _somebody(self, role: str) -> Participant | None:
        """Who uses a link of this role; nobody yet, where they are still to join."""
        if role == "joining":
            return None
        there = next((who for who in self._store.participants() if who.role == role), None)
        if there is not None:
            return there
        return self._store.add_participant("you" if role == "solo" else "instructor", role)[0]  # type: ignore[arg-type]


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    anyio.to_thread.current_default_thread_limiter().total_tokens = THREADS
    training: Training = app.state.training
    looking_after = asyncio.create_task(_look_after(training))
    try:
        yield
    finally:
        looking_after.cancel()
        with suppress(asyncio.CancelledError):
            await looking_after


async def _look_after(training: Training) -> None:
    while True:
        await asyncio.sleep(EACH_S)
        try:
            await anyio.to_thread.run_sync(training.keep_running)
        except (OSError, sqlite3.Error) as error:  # a full disk may have room again in a second
            sys.stderr.write(f"clocks cannot be kept: {error}\n")

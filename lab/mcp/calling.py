"""Calls of the investigation API, in this process or over HTTP, that wait while a recording is being made."""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from lab.errors import Problem, UserError
from lab.mcp.tools import Request

if TYPE_CHECKING:
    import httpx2

SESSIONS = "/api/v1/sessions"
BUSY = ("preparing", "acting")
"""Statuses of a session whose recording is being made."""
JUDGING = "answered"
"""Status of a session whose answer is being judged, and in a group until the instructor releases the debrief."""
POLL_S = 0.3
PATIENCE_S = 900.0
"""For so long a call waits for a recording, which may take minutes to make."""


@dataclass(frozen=True, slots=True)
class Answer:
    """What the API said: its status, and its text, which is JSON but for Markdown."""

    status: int
    text: str

    @property
    def failed(self) -> bool:
        return self.status >= 400

    @property
    def document(self) -> Any:
        """The JSON of it; None for other text."""
        try:
            return json.loads(self.text)
        except ValueError:
            return None


class Api:
    """The API as a client sees it. `client` sends the requests, with the token."""

    def __init__(self, client: httpx2.AsyncClient):
        self.client = client

    async def send(self, request: Request) -> Answer:
        """One request. UserError where nothing answers."""
        import httpx2

        try:
            reply = await self.client.request(
                request.method, request.path, params=list(request.query) or None, json=request.body
            )
        except httpx2.HTTPError as error:
            raise UserError(_unreachable(str(self.client.base_url), error)) from error
        return Answer(reply.status_code, reply.text)

    async def get(self, path: str) -> Answer:
        return await self.send(Request("GET", path))

    async def document(self, request: Request) -> Mapping[str, Any]:
        """The JSON of an answer that must be one. UserError with the API's own words otherwise."""
        answer = await self.send(request)
        found = answer.document
        if answer.failed or not isinstance(found, dict):
            raise UserError(_refused(request, answer))
        return found

    async def begin(self, exercise: str) -> str:
        """The id of a new session of an exercise."""
        made = await self.document(Request("POST", SESSIONS, body={"exercise": exercise}))
        return str(made["id"])

    async def ready(self, session: str, busy: Collection[str] = BUSY) -> Mapping[str, Any]:
        """The session, when its status is none of these; as it is after `PATIENCE_S`."""
        import anyio

        found = await self.document(Request("GET", f"{SESSIONS}/{session}"))
        with anyio.move_on_after(PATIENCE_S):
            while found["status"] in busy:
                await anyio.sleep(POLL_S)
                found = await self.document(Request("GET", f"{SESSIONS}/{session}"))
        return found


def _unreachable(url: str, error: Exception) -> Problem:
    why = str(error) or type(error).__name__
    return Problem("the lab's server does not answer", url, seen=why, hint="is `lab train` running there?")


def _refused(request: Request, answer: Answer) -> Problem:
    found = answer.document
    told = found.get("problem") if isinstance(found, dict) else None
    if not isinstance(told, dict):
        return Problem(f"{request.method} {request.path} was refused", seen=f"{answer.status}: {answer.text[:200]}")
    seen, expected, hint = (str(told.get(key) or "") for key in ("seen", "expected", "hint"))
    return Problem(str(told.get("what")), seen=seen, expected=expected, hint=hint)

"""A training on small incidents whose work is done in this process, and a client of its API that needs no socket."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from urllib.parse import urlencode, urlsplit

from lab.api.app import Tokens, create_app
from lab.api.security import Rate
from lab.investigation.exercises import Course, exercise_of
from lab.investigation.training import Training
from lab.investigation.workers import Failure
from tests import simulated

SOLO, JOINING, INSTRUCTOR = "solo-token", "joining-token", "instructor-token"
HINTS = ("Look at the links.", "Look at the way to the database.")
NAME = "needle-in-a-haystack"
"""Of the scenario: nothing that is sent may hold it."""
SEED = 7_654_321
KIND = "network-partition"
RIGHT: dict[str, Any] = {
    "verdict": "fault",
    "findings": [
        {
            "culprit": "desk->db", "kind": KIND, "onset_s": 50, "confidence": 0.9,
            "evidence": [{"signal": "client_error_ratio", "subject": "desk->db"}],
        }
    ],
}  # fmt: skip
"""The right answer to it."""


class AtOnce:
    """Workers that do each job when it is handed over, or when `held` work is let go."""

    def __init__(self, held: bool = False) -> None:
        self.held = held
        self.waiting: list[Callable[[], None]] = []

    def submit(self, function: Any, *given: Any, then: Any, failed: Any) -> Any:
        share = [0.0]

        def progress(_: str, done: float) -> None:
            share[0] = done

        def work() -> None:
            try:
                found = function(*given, progress)
            except Exception as error:
                failed(Failure("it failed", str(error)))
            else:
                then(found)

        if self.held:
            self.waiting.append(work)
        else:
            work()
            return None  # there is nothing to wait for
        return type("Job", (), {"share": property(lambda _: share[0])})()

    def go_on(self) -> None:
        """Does what waits."""
        while self.waiting:
            self.waiting.pop(0)()

    def close(self) -> None:
        pass


@dataclass
class Wall:
    """A wall clock that is moved by hand."""

    now_s: float = 1000.0

    def __call__(self) -> float:
        return self.now_s


def course(directory: Path, **content: Any) -> Course:
    """A course of one exercise: people who book rooms, and a database that cannot be reached for a while."""
    fault = {"type": KIND, "target": "desk->db", "at": "50s", "for": "100s"}
    training = {"brief": "People complain.", "hints": list(HINTS)}
    loaded = simulated.scenario(
        directory, **{"name": NAME, "duration_s": 240, "faults": [fault], "training": training, **content}
    )
    return Course("own", "Own scenarios", (exercise_of(loaded, "own", 1, SEED),))


def training(directory: Path, courses: list[Course], **more: Any) -> Training:
    """A training that keeps what it has in a directory."""
    return Training(courses, directory, workers=more.pop("workers", AtOnce()), **more)


@dataclass(frozen=True)
class Reply:
    """What an app answered."""

    status: int
    headers: Mapping[str, str]
    body: bytes

    @property
    def json(self) -> Any:
        return json.loads(self.body)

    @property
    def text(self) -> str:
        return self.body.decode()


@dataclass
class Client:
    """Asks an app as a script does, with a token; `headers` go with every request."""

    app: Any
    token: str | None = SOLO
    headers: dict[str, str] = field(default_factory=lambda: {"host": "127.0.0.1:80"})

    def ask(self, method: str, path: str, body: Any = None, *, raw: bytes | None = None, **more: str | None) -> Reply:
        """One request. `more`: headers, `_` for `-`; None leaves one out."""
        headers = dict(self.headers)
        if self.token is not None:
            headers["authorization"] = f"Bearer {self.token}"
        sent = raw if raw is not None else b"" if body is None else json.dumps(body).encode()
        if raw is not None or body is not None:
            headers |= {"content-type": "application/json", "content-length": str(len(sent))}
        for name, value in more.items():
            headers.pop(name.replace("_", "-"), None)
            if value is not None:
                headers[name.replace("_", "-")] = value
        return asyncio.run(_asked(self.app, method, path, headers, sent))

    def get(self, path: str, **query: Any) -> Any:
        """The JSON of what is there; AssertionError where it is refused."""
        reply = self.ask("GET", f"/api/v1{path}" + (f"?{urlencode(query, doseq=True)}" if query else ""))
        assert reply.status == 200, reply.text
        return reply.json

    def post(self, path: str, body: Any = None) -> Any:
        """The JSON that a change answers; AssertionError where it is refused."""
        reply = self.ask("POST", f"/api/v1{path}", body)
        assert reply.status < 300, reply.text
        return reply.json if reply.body else None

    def begin(self, exercise: str = "own-1") -> str:
        """The path of a session that is begun."""
        return f"/sessions/{self.post('/sessions', {'exercise': exercise})['id']}"

    def refused(self, method: str, path: str, body: Any = None) -> tuple[int, Mapping[str, str]]:
        """The status and the problem of a request that is refused."""
        reply = self.ask(method, f"/api/v1{path}", body)
        assert reply.status >= 400, reply.text
        return reply.status, reply.json["problem"]


async def _asked(app: Any, method: str, path: str, headers: Mapping[str, str], body: bytes) -> Reply:
    parts = urlsplit(path)
    scope = {
        "type": "http", "asgi": {"version": "3.0"}, "http_version": "1.1", "method": method, "scheme": "http",
        "path": parts.path, "raw_path": parts.path.encode(), "query_string": parts.query.encode(), "root_path": "",
        "headers": [(name.encode("latin-1"), value.encode("latin-1")) for name, value in headers.items()],
        "client": ("127.0.0.1", 50000), "server": ("127.0.0.1", 80),
    }  # fmt: skip
    waiting = [{"type": "http.request", "body": body, "more_body": False}]
    said: list[Any] = []

    async def receive() -> Any:
        return waiting.pop(0) if waiting else {"type": "http.disconnect"}

    async def send(message: Any) -> None:
        said.append(message)

    await app(scope, receive, send)
    start = said[0]
    found = {name.decode().lower(): value.decode("latin-1") for name, value in start["headers"]}
    return Reply(start["status"], found, b"".join(message.get("body", b"") for message in said[1:]))


def client(of: Training, token: str | None = SOLO, **more: Any) -> Client:
    """A client of a training alone or of a group, which may ask as often as it likes."""
    links = {JOINING: "joining", INSTRUCTOR: "instructor"} if of.is_group else {SOLO: "solo"}
    return Client(create_app(of, Tokens(links), rate=more.pop("rate", Rate(1e6, 1e6)), **more), token)


def answered(alone: Client, session: str, answer: Any) -> dict[str, Any]:
    """How a session stands after an answer at the end of its incident."""
    alone.post(f"{session}/clock", {"jump": "end"})
    alone.post(f"{session}/submit", answer)
    found: dict[str, Any] = alone.get(session)
    return found

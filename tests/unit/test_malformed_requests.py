"""What is wrong with a request is answered with 4xx and a problem in words; nothing of it reaches the server's log."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from itertools import islice

import pytest

from lab.api.problems import ProblemAnswer
from lab.investigation.training import Training
from tests.investigating import SOLO, Client, client, course, training
from tests.malformed_requests import Wrong, malformed

COUNT = 208
COOKIE = f"lab_training_80={SOLO}"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Training]:
    place = tmp_path_factory.mktemp("training")
    made = training(place / "state", [course(place)])
    yield made
    made.close()


def asked(asking: Client, wrong: Wrong) -> tuple[int, dict[str, str], bytes]:
    headers = {name: COOKIE if value == "COOKIE" else value for name, value in wrong.headers.items()}
    reply = asking.ask(wrong.method, wrong.path, raw=wrong.raw, **headers)
    return reply.status, dict(reply.headers), reply.body


def test_malformed_requests_are_answered_with_what_is_wrong(
    served: Training, capfd: pytest.CaptureFixture[str]
) -> None:
    asking = client(served)
    session = asking.post("/sessions", {"exercise": "own-1"})["id"]
    openapi = asking.ask("GET", "/api/openapi.json").json
    ways: Counter[str] = Counter()
    unanswered = []
    for wrong in islice(malformed(openapi, session, seed=20), COUNT):
        status, headers, body = asked(asking, wrong)
        ways[wrong.way] += 1
        is_told = 400 <= status < 500 and b"Traceback" not in body and b".py" not in body
        if is_told and wrong.path.startswith("/api/v1/"):
            is_told = headers["content-type"] == "application/json" and bool(
                ProblemAnswer.model_validate_json(body).problem.what
            )
        if not is_told:
            unanswered.append((wrong, status, body[:200]))
    assert unanswered == []
    assert len(ways) >= 16
    assert asking.get(f"/sessions/{session}")["status"] == "ready", "the session is as it was"
    said = capfd.readouterr()
    assert said.err == said.out == ""


def test_the_same_requests_in_order_are_answered(served: Training) -> None:
    """So it is what is wrong with them that is refused."""
    asking = client(served)
    session = asking.post("/sessions", {"exercise": "own-1"})["id"]
    assert asking.get(f"/sessions/{session}/traces", limit=5)["traces"] is not None
    assert asking.post(f"/sessions/{session}/board/notes", {"text": "x"})["id"]
    me = asking.ask("GET", "/api/v1/me", authorization=None, cookie=COOKIE).json
    changed = asking.ask(
        "POST", f"/api/v1/sessions/{session}/clock", {"jump": "tick"},
        authorization=None, cookie=COOKIE, x_csrf_token=me["csrf"],
    )  # fmt: skip
    assert changed.status == 200

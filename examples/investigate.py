"""A small investigator over HTTP, to start from: solves an exercise of a `lab train` that runs, and prints its grade.

    LAB_TOKEN=… python investigate.py http://127.0.0.1:8765 EXERCISE

The token is what follows ?token= in the link that `lab train` printed. Only Python's own library is needed. It looks at
few signals, one after the other, and blames the element where one of them first left what was usual. Make it better.
"""

from __future__ import annotations

import json
import os
import sys
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from statistics import fmean, pstdev
from typing import Any
from urllib.error import HTTPError
from urllib.parse import quote, urlencode
from urllib.request import Request, urlopen

SUSPICIONS = [
    # signal, least change, and what would change it: where the blame lies, the kind of fault
    ("cpu_throttled_ratio", 0.1, "resource", "cpu-throttle"),
    ("client_timeout_ratio", 0.2, "network", "network-partition"),
    ("network_time_s", 0.004, "network", "network-latency"),
    ("job_last_success_age_s", 30.0, "data", "feed-stall"),
]
"""In this order: what explains much comes first."""
USUAL_SHARE = 0.25
"""So much of a recording, from its beginning, is taken for usual."""
LASTS = 4
"""For so many ticks a signal must be away from what was usual."""
AT_ONCE = 12
"""Series that the API gives in one answer."""


class Api:
    """The investigation API of one server, as somebody with a token sees it."""

    def __init__(self, server: str, token: str) -> None:
        self._server, self._token = server.rstrip("/"), token

    def get(self, path: str, **query: Any) -> Any:
        """An answer; lists in a query are sent as several values."""
        return self._send(Request(f"{self._server}/api/v1{path}?{urlencode(query, doseq=True)}"))

    def post(self, path: str, **body: Any) -> Any:
        """An answer to something that changes the session."""
        made = Request(f"{self._server}/api/v1{path}", json.dumps(body).encode(), method="POST")
        made.add_header("Content-Type", "application/json")
        return self._send(made)

    def _send(self, request: Request) -> Any:
        request.add_header("Authorization", f"Bearer {self._token}")
        try:
            with urlopen(request, timeout=60) as answer:
                return json.load(answer)
        except HTTPError as error:
            sys.exit(f"{request.get_method()} {request.full_url}: {error.code} {error.read().decode()}")


@dataclass(frozen=True)
class Shift:
    """A signal that left what was usual, and when."""

    subject: str
    onset_s: float
    usual: float
    then: float


def wait(api: Api, session: str, *busy: str) -> dict[str, Any]:
    """The session when it is no longer in one of these states."""
    while (found := api.get(f"/sessions/{session}"))["status"] in busy:
        time.sleep(0.5)
    return dict(found)


def shifts(api: Api, session: str, signal: str, subjects: Sequence[str], least: float) -> Iterator[Shift]:
    """The subjects of a signal for which it rose by more than `least`, and by far more than it usually varies."""
    for first in range(0, len(subjects), AT_ONCE):
        names = [f"{signal}:{subject}" for subject in subjects[first : first + AT_ONCE]]
        for one in api.get(f"/sessions/{session}/series", of=names)["series"]:
            known = [(at, value) for at, value in zip(one["times_s"], one["values"], strict=True) if value is not None]
            usual = [value for _, value in known[: max(2, int(len(known) * USUAL_SHARE))]]
            if len(known) < LASTS + 2:
                continue
            limit = fmean(usual) + max(least, 4 * pstdev(usual))
            away = [at for at, value in known if value > limit]
            if len(away) >= LASTS:
                then = fmean(value for _, value in known if value > limit)
                yield Shift(one["subject"], away[0], fmean(usual), then)


def deepest(found: Sequence[Shift]) -> Shift:
    """Of links the one behind which no other one of them lies: callers wait for those that wait; else the first."""
    callers = {shift.subject.partition("->")[0] for shift in found if "->" in shift.subject}
    last = [shift for shift in found if shift.subject.partition("->")[2] not in callers]
    return min(last or found, key=lambda shift: shift.onset_s)


def investigate(api: Api, session: str) -> dict[str, Any]:
    """A diagnosis of all that a session's incident showed."""
    api.post(f"/sessions/{session}/clock", jump="end")
    subjects = {one["signal"]: one["subjects"] for one in api.get(f"/sessions/{session}/signals")["signals"]}
    for signal, least, boundary, kind in SUSPICIONS:
        found = list(shifts(api, session, signal, subjects.get(signal, []), least))
        if found:
            shift = deepest(found)
            evidence = {"signal": signal, "subject": shift.subject, "baseline": shift.usual, "observed": shift.then}
            why = [f"{signal} of {shift.subject} rose from {shift.usual:.3g} to {shift.then:.3g}"]
            cause = {"culprit": shift.subject, "boundary": boundary, "kind": kind, "onset_s": shift.onset_s}
            return {"verdict": "fault", "findings": [{**cause, "confidence": 0.7, "evidence": [evidence], "why": why}]}
    return {"verdict": "healthy", "findings": []}


def main(server: str, exercise: str) -> None:
    api = Api(server, os.environ.get("LAB_TOKEN", ""))
    session = api.post("/sessions", exercise=exercise)["id"]
    wait(api, quote(session), "preparing")
    answer = investigate(api, session)
    print(json.dumps(answer, indent=1))
    api.post(f"/sessions/{session}/submit", **answer)
    if api.get("/me")["group"]:
        print("the instructor tells the grade")
    elif wait(api, session, "answered")["status"] == "released":
        own = next(one for one in api.get(f"/sessions/{session}/debrief")["answers"] if one["who"] == "you")
        for grade in own["grades"]:
            print(f"{grade['axis']:<14} {grade['outcome']:<13} {grade['why']}")
        print(f"{'verdict':<14} {own['outcome']}")


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(*sys.argv[1:])

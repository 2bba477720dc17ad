"""The replay of one run by one worker: a greenlet per arrival, sent when it is due, independent of the others."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import gevent
from locust.contrib.fasthttp import FastHttpSession, FastResponse

from lab.agreed.telemetry import LATE_SEND
from lab.clock import NS
from services.common.calls import connection_status
from services.common.telemetry import Span, Telemetry
from services.common.trace import TraceContext, root_span
from services.load.people import Answer, ArrivalStream, People, Visit

LATE_S = 0.02
REPORT_EVERY_S = 0.5
GO_ON_EVERY_S = 0.25
STATUS_BY_HTTP = {503: "unavailable", 502: "dependency_failed", 504: "timeout"}


@dataclass(frozen=True)
class Line:
    """What requests go out over and are reported to. `step`, `entry`: the topology's names of request and callee.

    `timeout_s`: how long people wait for an answer.
    """

    client: FastHttpSession
    telemetry: Telemetry
    step: str
    entry: str
    timeout_s: float


class Replay:
    """Sends one worker's share of a run: the requests `index`, `index + count`, …, of every stream."""

    def __init__(self, people: People, line: Line, index: int, count: int) -> None:
        self._people = people
        self._line = line
        self._share = (index, count)
        self._streams: dict[str, ArrivalStream] = {}
        self._sent = Counter[str]()
        self._finished = self._failed = 0
        self._in_flight: dict[int, float] = {}
        self.is_stopped = False

    def start(self) -> None:
        """Sends the warm-up and the load in the background."""
        gevent.spawn(self._report)
        gevent.spawn(self._go_on)
        for stream in self._people.base():
            self._open(stream)

    def surge(self, kind: str, rate_per_s: float | None, at_s: float) -> float | None:
        """Opens further arrivals of a kind from `at_s` on; None ends those that are open. Returns their rate."""
        for stream in self._streams.values():
            if stream.name.startswith(f"{kind}/"):
                stream.is_active = False
        if not rate_per_s or at_s >= self._people.run.duration_s:
            return None
        self._open(self._people.further(kind, rate_per_s, at_s))
        return rate_per_s

    def change_tastes(self, fraction: float | None) -> float | None:
        """Changes what a share of the people are after, or changes it back (None); the share that is so now."""
        return self._people.change_tastes(fraction)

    def counts(self) -> dict[str, int]:
        """Requests of this worker so far: due, sent, finished, failed; overdue: sent longer ago than people wait."""
        now_s, run = time.time(), self._people.run
        late_s = now_s - self._line.timeout_s - REPORT_EVERY_S
        due = sum(
            stream.due_count(*self._share, run.now_s) if stream.is_active else self._sent[stream.name]
            for stream in list(self._streams.values())
        )
        return {
            "due": due, "sent": self._sent.total(), "finished": self._finished, "failed": self._failed,
            "overdue": sum(sent_s < late_s for sent_s in self._in_flight.values()),
        }  # fmt: skip

    def _report(self) -> None:
        """Tells the collector the counts, also of requests that leave no span because they do not end."""
        while not self.is_stopped:
            self._line.telemetry.event("load_progress", worker=self._share[0], **self.counts())
            gevent.sleep(REPORT_EVERY_S)

    def _go_on(self) -> None:
        """What people do beside their requests, soon after they did it."""
        run = self._people.run
        while not self.is_stopped and run.now_s < run.duration_s:
            self._people.go_on(*self._share, run.now_s)
            gevent.sleep(GO_ON_EVERY_S)

    def stop(self) -> None:
        """Sends nothing more."""
        self.is_stopped = True

    def _open(self, stream: ArrivalStream) -> None:
        self._streams[stream.name] = stream
        gevent.spawn(self._send_all, stream)

    def _send_all(self, stream: ArrivalStream) -> None:
        run = self._people.run
        for visit in stream.visits(*self._share):
            due_s = run.unix_s(visit.time_s)
            # Also when it is late: answers must be read in between.
            gevent.sleep(max(0.0, due_s - time.time()))
            if self.is_stopped or not stream.is_active:
                return
            self._sent[stream.name] += 1
            gevent.spawn(self._visit, visit, time.time() - due_s)

    def _visit(self, visit: Visit, late_s: float) -> None:
        """One person: asks, and does something about the answer."""
        root, line = root_span(), self._line
        if late_s > LATE_S:
            line.telemetry.event(LATE_SEND, context=root, late_s=late_s)
        document = self._request(visit.body(), root)
        if document is not None:
            visit.answered(Answer(document, root, line.telemetry, self._later))

    def _later(self, seconds: float, act: Callable[[], None]) -> None:
        gevent.spawn_later(seconds / self._people.run.time_scale, lambda: None if self.is_stopped else act())

    def _request(self, body: dict[str, Any], root: TraceContext) -> Any:
        """Sends a request; the answer, None where it failed."""
        start_ns = time.time_ns()
        self._in_flight[id(root)] = start_ns / NS
        try:
            status, document = self._post(body, root)
        finally:
            del self._in_flight[id(root)]
            self._finished += 1
        self._failed += status != "ok"
        end_ns = time.time_ns()
        attributes = {"peer.service": self._line.entry, "lab.status": status, "lab.attempt": 0}
        self._line.telemetry.span(Span(root, self._line.step, "client", start_ns, end_ns, attributes))
        if status != "ok":
            text = f"{self._line.step}: call to {self._line.entry} failed: {status} (attempt 1); giving up"
            self._line.telemetry.event(
                "call_failed", text, severity="WARN", context=root, subject=self._line.entry,
                duration_s=(end_ns - start_ns) / NS,
            )  # fmt: skip
        return document

    def _post(self, body: dict[str, Any], root: TraceContext) -> tuple[str, Any]:
        """(how the request ended, its answer). It ends when the person gives up, however the answer trickles in."""
        headers = {"traceparent": root.traceparent}
        # The client's own timeout holds for each single read.
        given_up = gevent.Timeout(self._line.timeout_s, TimeoutError("timed out"))
        try:
            with (
                given_up,
                self._line.client.post(
                    self._people.path, json=body, headers=headers, name=self._line.step, catch_response=True
                ) as response,
            ):
                given_up.close()
                status = status_of(response)
                document = response.json() if status == "ok" else None
                if status != "ok":
                    response.failure(status)
        except TimeoutError:
            return "timeout", None
        return status, document


def status_of(response: FastResponse) -> str:
    """How a request ended, as `lab.recording.status` names it."""
    if response.status_code == 200:
        return "ok"
    if response.status_code:
        return STATUS_BY_HTTP.get(response.status_code, "error")
    error = response.error
    if isinstance(error, TimeoutError) or "timed out" in str(error).lower():
        return "timeout"
    return connection_status(error) if error else "error"

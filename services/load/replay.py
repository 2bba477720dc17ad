"""The replay of one run by one worker: a greenlet per arrival, sent when it is due whatever became of the others."""

from __future__ import annotations

import time
from dataclasses import dataclass
from typing import Any

import gevent
from locust.contrib.fasthttp import FastHttpSession, FastResponse

from services.common.calls import connection_status
from services.common.telemetry import Span, Telemetry
from services.common.trace import TraceContext, root_span
from services.load.events import EventWriter
from services.load.shoppers import ArrivalStream, Click, Crowd

LATE_S = 0.02
PATH = "/v1/recommend"
STATUS_BY_HTTP = {503: "unavailable", 502: "dependency_failed", 504: "timeout"}


@dataclass(frozen=True)
class Line:
    """What requests go out over and are reported to. `step`, `entry`: the topology's names of request and callee."""

    client: FastHttpSession
    telemetry: Telemetry
    events: EventWriter
    step: str
    entry: str


class Replay:
    """Sends one worker's share of a run: the requests `index`, `index + count`, …, of every stream."""

    def __init__(self, crowd: Crowd, line: Line, index: int, count: int) -> None:
        self._crowd = crowd
        self._line = line
        self._share = (index, count)
        self._streams: dict[str, ArrivalStream] = {}
        self.is_stopped = False

    def start(self) -> None:
        """Sends the warm-up and the load in the background."""
        for stream in self._crowd.base():
            self._open(stream)

    def surge(self, kind: str, rate_per_s: float | None, at_s: float) -> None:
        """Opens further arrivals of a kind from `at_s` on; None ends those that are open."""
        for stream in self._streams.values():
            if stream.name.startswith(f"{kind}/"):
                stream.is_active = False
        if rate_per_s and at_s < self._crowd.run.duration_s:
            self._open(self._crowd.further(kind, rate_per_s, at_s))

    def stop(self) -> None:
        """Sends nothing more."""
        self.is_stopped = True

    def _open(self, stream: ArrivalStream) -> None:
        self._streams[stream.name] = stream
        gevent.spawn(self._send_all, stream)

    def _send_all(self, stream: ArrivalStream) -> None:
        run = self._crowd.run
        for n in stream.numbers(*self._share):
            due_s = run.unix_s(stream.times_s[n])
            # Also when it is late: answers must be read in between.
            gevent.sleep(max(0.0, due_s - time.time()))
            if self.is_stopped or not stream.is_active:
                return
            gevent.spawn(self._shop, stream, n, time.time() - due_s)

    def _shop(self, stream: ArrivalStream, n: int, late_s: float) -> None:
        """One shopper: browses, asks for a page, looks, clicks."""
        root = root_span()
        if late_s > LATE_S:
            self._line.telemetry.event("late_send", context=root, late_s=late_s)
        self._line.events.put(stream.views(n))
        user_id = stream.user_id(n)
        shown = self._ask({"user_id": user_id, "candidates": stream.candidates(n)}, root)
        if not shown:
            return
        self._line.telemetry.event("page_shown", context=root, user_id=user_id, item_ids=shown)
        for click in stream.clicks(n, shown):
            gevent.spawn_later(click.delay_s / self._crowd.run.time_scale, self._click, stream, n, click, root)

    def _click(self, stream: ArrivalStream, n: int, click: Click, root: TraceContext) -> None:
        if self.is_stopped:
            return
        self._line.events.put([stream.click_event(n, click)])
        attributes = {"item_id": click.item_id, "position": click.position, "delay_s": click.delay_s}
        self._line.telemetry.event("item_clicked", context=root, **attributes)

    def _ask(self, body: dict[str, Any], root: TraceContext) -> list[int]:
        """Sends a request; the items shown, none where it failed."""
        headers = {"traceparent": root.traceparent}
        start_ns = time.time_ns()
        with self._line.client.post(
            PATH, json=body, headers=headers, name=self._line.step, catch_response=True
        ) as response:
            status = status_of(response)
            shown = [item["item_id"] for item in response.json()["items"]] if status == "ok" else []
            if status != "ok":
                response.failure(status)
        end_ns = time.time_ns()
        attributes = {"peer.service": self._line.entry, "lab.status": status, "lab.attempt": 0}
        self._line.telemetry.span(Span(root, self._line.step, "client", start_ns, end_ns, attributes))
        if status != "ok":
            text = f"{self._line.step}: call to {self._line.entry} failed: {status} (attempt 1); giving up"
            self._line.telemetry.event(
                "call_failed", text, severity="WARN", context=root, subject=self._line.entry,
                duration_s=(end_ns - start_ns) / 1e9,
            )  # fmt: skip
        return shown


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

"""Watches the containers during a run: notes when one dies, stops, starts or is paused.

Docker's events report it at once; what they missed is found by comparing the containers with their earlier state.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from lab.clock import NS
from lab.injection.levers import JournalEntry
from lab.testbeds.stack.compose import ONE_OFF, SERVICE, Compose, state_in_words
from lab.testbeds.stack.levers import LEVERS

ACTIONS = ("pause", "unpause", "kill", "die", "start", "oom", "create", "destroy")
KILLED, TERMINATED = 137, 143
RECONNECT_S = 0.5
END_WITHIN_S = 5.0


@dataclass(frozen=True)
class Disturbance:
    """Something that happened to a container and that no lever did. `time_s`: scenario seconds."""

    time_s: float
    service: str
    what: str

    def __str__(self) -> str:
        return f"container {self.service} {self.what} at {self.time_s:.0f} s"

    def to_json(self) -> dict[str, Any]:
        """For `run.json` and, with the name of the event, for `events.jsonl`."""
        return {"time_s": round(self.time_s, 3), "element": self.service, "what": self.what}


class Disturbances:
    """Tells the events that matter from those that a lever brought about.

    `entries`: the journal's entries of this run, in scenario seconds, as they are written.
    """

    def __init__(self, entries: list[JournalEntry]) -> None:
        self.found: list[Disturbance] = []
        self._entries = entries
        self._signals: dict[str, int] = {}
        self._seen: set[tuple[Any, ...]] = set()

    def add(self, event: Mapping[str, Any], time_s: float) -> Disturbance | None:
        """Takes in one of Docker's events of a container, at this scenario time; the disturbance that it is, if any."""
        action, attributes = str(event.get("Action", "")), event["Actor"]["Attributes"]
        service, key = attributes.get(SERVICE, ""), (event.get("timeNano"), event["Actor"].get("ID"), action)
        is_one_off = attributes.get(ONE_OFF) == "True"  # a one-off container beside the service's own
        if action not in ACTIONS or key in self._seen or is_one_off:
            return None
        self._seen.add(key)
        if self.by_a_lever(service, action, time_s):
            return None
        if action == "kill":  # says how it is to end, not that it did
            self._signals.setdefault(service, int(attributes.get("signal", 0)))
            return None
        return self.note(service, self._words(action, service, attributes), time_s)

    def note(self, service: str, what: str, time_s: float) -> Disturbance:
        """Keeps a disturbance."""
        self.found.append(Disturbance(time_s, service, what))
        return self.found[-1]

    def by_a_lever(self, service: str, action: str, time_s: float) -> bool:
        """Whether a lever that does this to a container held the service, or was on its way there or back, then."""
        return any(self._held(lever, service, time_s) for lever in LEVERS.doing(action))

    def _held(self, lever: str, service: str, time_s: float) -> bool:
        is_held = False
        for entry in self._entries:
            if (entry["lever"], entry["element"]) != (lever, service) or entry["event"] == "applied":
                continue
            if entry["event"] == "intent":
                is_held |= entry["time_s"] <= time_s
            elif entry["time_s"] < time_s:
                is_held = False
        return is_held

    def knows(self, service: str) -> bool:
        """Whether something was noticed of a service, or a lever was to stop or pause it."""
        levers = {lever for action in ACTIONS for lever in LEVERS.doing(action)}
        pulled = {entry["element"] for entry in self._entries if entry["lever"] in levers}
        return service in pulled or any(found.service == service for found in self.found)

    def _words(self, action: str, service: str, attributes: Mapping[str, Any]) -> str:
        if action == "die":
            code, signal = int(attributes.get("exitCode", 0)), self._signals.pop(service, 0)
            ended = "was stopped" if signal not in (0, 9) else "was killed" if code in (KILLED, TERMINATED) else "ended"
            return f"{ended} (exit {code})"
        return {
            "oom": "ran out of memory: a process in it was killed", "pause": "was paused", "unpause": "was unpaused",
            "start": "was started", "create": "was created anew", "destroy": "was removed",
        }[action]  # fmt: skip


def changed(before: Mapping[str, Any], now: Mapping[str, Any]) -> str:
    """How a container's state (as Docker inspects it) differs from what it was, in words; nothing if it does not."""
    state, was = now["State"], before["State"]
    if now["Id"] != before["Id"]:
        return "was replaced by another"
    if state["Status"] != was["Status"]:
        return f"is {state_in_words(state)}"
    if state["StartedAt"] != was["StartedAt"]:
        return "was restarted"
    return "ran out of memory" if state.get("OOMKilled") and not was.get("OOMKilled") else ""


class ContainerWatch:
    """Watches the stack's containers while it is entered. `disturbances.found`: what was noticed.

    `scenario_s(unix_s)` gives scenario time. Disturbances are reported on stderr at once.
    """

    def __init__(self, compose: Compose, entries: list[JournalEntry], scenario_s: Callable[[float], float]) -> None:
        self.disturbances = Disturbances(entries)
        self._compose = compose
        self._scenario_s = scenario_s
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._follow, name="containers", daemon=True)
        self._stream: Any = None
        self._since_s = 0.0
        self._before: dict[str, Any] = {}

    @property
    def found(self) -> list[Disturbance]:
        """What was noticed so far, in order."""
        return self.disturbances.found

    def __enter__(self) -> ContainerWatch:
        self._since_s = time.time()
        self._before = {name: c.attrs for name, c in self._compose.containers().items() if self._is_part(name)}
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self._stop.set()
        if self._stream is not None:
            with suppress(OSError, AttributeError):  # it has just ended by itself
                self._stream.close()
        self._thread.join(timeout=END_WITHIN_S)
        if kind is None:  # what ends a run by an exception is not to be hidden by an engine that does not answer
            self.compare()

    def compare(self) -> None:
        """Notes what the events did not report."""
        now = {name: container.attrs for name, container in self._compose.containers().items()}
        for name, before in self._before.items():
            what = changed(before, now[name]) if name in now else "is gone"
            if what and not self.disturbances.knows(name):
                self._warn(self.disturbances.note(name, what, self._scenario_s(time.time())))

    def _is_part(self, service: str) -> bool:
        """Whether the run needs the service: what is only there to look at may come and go."""
        return service in self._compose.services

    def _follow(self) -> None:
        """Reads Docker's events, from where it was, for as long as the engine gives them."""
        from docker.errors import DockerException
        from requests.exceptions import RequestException
        from urllib3.exceptions import HTTPError

        while not self._stop.is_set():
            try:
                self._stream = self._compose.container_events(ACTIONS, self._since_s)
                self._read(self._stream)
            except (DockerException, RequestException, HTTPError, OSError, ValueError, AttributeError):
                pass  # the engine went away for a moment, or the stream was closed; what was missed is compared
            self._stop.wait(RECONNECT_S)

    def _read(self, stream: Iterable[Mapping[str, Any]]) -> None:
        for event in stream:
            if self._stop.is_set():  # it was opened too late to be closed
                return
            at_s = event["timeNano"] / NS
            self._since_s = max(self._since_s, at_s)
            if self._is_part(event["Actor"]["Attributes"].get(SERVICE, "")):
                noticed = self.disturbances.add(event, self._scenario_s(at_s))
                if noticed is not None:
                    self._warn(noticed)

    @staticmethod
    def _warn(noticed: Disturbance) -> None:
        print(f"! {noticed}", file=sys.stderr, flush=True)

"""The real stack as a testbed: levers journalled before they are pulled, leases kept alive, everything put back."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any

from lab.errors import LabError, NotRevertedError
from lab.levers import Testbed, Undo, Value
from lab.testbeds.stack.journal import Journal
from lab.testbeds.stack.levers import LEASE_S, StackLevers
from lab.topology import System

RENEW_EVERY_S = LEASE_S / 4
REVERT_ATTEMPTS = 5
REVERT_PAUSE_S = 1.0


class StackTestbed(Testbed):
    """Levers of a running stack. `now_s` gives scenario seconds; `lapsed` names levers whose lease ran out."""

    def __init__(self, system: System, levers: StackLevers, journal: Journal, now_s: Callable[[], float]) -> None:
        self.system = system
        self.changes_log: list[dict[str, Any]] = []
        self.entries: list[dict[str, Any]] = []
        self.lapsed: list[str] = []
        self._levers = levers
        self._journal = journal
        self._now_s = now_s
        self._pulled: dict[tuple[str, str], Value] = {}
        self._guard = threading.Lock()

    def read(self, lever: str, element: str) -> Value:
        return self._levers.read(lever, element)

    def write(self, lever: str, element: str, value: Value) -> None:
        with self._guard:
            self._levers.write(lever, element, value)
            self._pulled[lever, element] = value
        if lever == "model.deploy":
            version = self._levers.served_version()
            self._announce(element, "deploy", f"Model version {version} deployed")

    def act(self, act: str, element: str, value: Value) -> None:
        if act == "changes.announce":
            self._announce(element, value["kind"], value["summary"])
        else:
            raise KeyError(act)

    def journal(self, event: str, undo: Undo, value: Value) -> None:
        self.entries.append(self._journal.write(event, undo, value, round(self._now_s(), 3)))

    def revert(self, undo: Undo) -> None:
        """Puts one lever back, trying again for a while; NotRevertedError with instructions where that fails."""
        with uninterrupted():
            for attempt in range(REVERT_ATTEMPTS):
                try:
                    super().revert(undo)
                except (LabError, OSError) as error:
                    if attempt == REVERT_ATTEMPTS - 1:
                        raise NotRevertedError(instructions(undo, error)) from error
                    threading.Event().wait(REVERT_PAUSE_S * (attempt + 1))
                else:
                    with self._guard:
                        self._pulled.pop((undo.lever, undo.element), None)
                    return

    @contextmanager
    def leases(self) -> Iterator[None]:
        """Renews, in the background, the leases of whatever is pulled. Without it faults end by themselves."""
        stop = threading.Event()

        def renew() -> None:
            while not stop.wait(RENEW_EVERY_S):
                with self._guard:
                    for (lever, element), value in list(self._pulled.items()):
                        try:
                            if not self._levers.renew(lever, element, value):
                                self.lapsed.append(f"{lever} of {element}")
                        except LabError as error:
                            self.lapsed.append(f"{lever} of {element}: {error}")

        thread = threading.Thread(target=renew, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def _announce(self, component: str, kind: str, summary: str) -> None:
        entry = {"time_s": round(self._now_s(), 3), "service.name": component, "kind": kind, "summary": summary}
        self.changes_log.append(entry)


def instructions(undo: Undo, error: BaseException) -> str:
    """What a person can do where the lab could not."""
    return (
        f"could not put back {undo.lever} of {undo.element} (value before: {undo.previous!r}): {error}\n"
        "  what to do: make the stack reachable (lab stack status), then run `lab recover`, which reads the journal;\n"
        "  or throw the stack away: lab stack down --volumes"
    )


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds back SIGINT and SIGTERM until the block is through: half a revert is worse than a late exit."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before = {number: signal.signal(number, lambda n, _: held.append(n)) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
        if held:
            signal.raise_signal(held[0])

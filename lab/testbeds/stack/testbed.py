"""The real stack as a testbed: levers journalled before they are pulled, leases kept alive, everything put back."""

from __future__ import annotations

import json
import signal
import sys
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from lab.errors import NotRevertedError
from lab.injection.levers import ActValue, AnyLever, Event, JournalEntry, Json, Testbed, Undo, lever_type
from lab.recording.entries import ChangeEntry
from lab.systems.topology import System
from lab.testbeds.stack.compose import NoContainerError, PausedError
from lab.testbeds.stack.journal import Journal, JournalError
from lab.testbeds.stack.leases import Leases
from lab.testbeds.stack.levers import StackLevers
from lab.testbeds.stack.lock import ABORT, acknowledge

REVERT_ATTEMPTS = 5
REVERT_PAUSE_S = 1.0
ATTEMPTS_WITHOUT_CONTAINER = 3
"""By then who takes the stack down by hand has come to its volumes; no waiting brings a container back."""
WHAT_TO_DO = """\
  what to do: bring the stack up (lab stack up), or where it is up make what failed reachable (lab stack status,
              lab stack logs), then run: lab recover
  or:         throw the stack and its data away: lab stack down --volumes"""


class StackTestbed(Testbed):
    """Levers of a running stack. `now_s` gives scenario seconds."""

    def __init__(self, system: System, levers: StackLevers, journal: Journal, now_s: Callable[[], float]) -> None:
        self.system = system
        self.entries: list[JournalEntry] = []
        self.ended: list[Undo] = []
        """Levers that there was nothing to put back of: what they were pulled in is gone, and their state with it."""
        self._levers = levers
        self._journal = journal
        self._now_s = now_s
        self._leases = Leases(levers.renew)
        self._never_pulled: list[Undo] = []

    @property
    def lapsed(self) -> list[str]:
        """Levers whose lease ran out while they were pulled."""
        return self._leases.lapsed

    def read(self, lever: type[AnyLever], element: str) -> AnyLever | None:
        return self._levers.read(lever, element)

    def write(self, lever: type[AnyLever], element: str, value: AnyLever | None) -> None:
        if lever.kept == "leased":
            with self._leases.changing(lever, element, value):
                self._levers.write(lever, element, value)
        else:
            self._levers.write(lever, element, value)

    def perform(self, element: str, act: ActValue) -> None:
        self._levers.perform(element, act)

    @property
    def changes_log(self) -> list[ChangeEntry]:
        """What was announced."""
        return self._levers.changes_log

    def journal(self, event: Event, undo: Undo, value: Json | None) -> None:
        try:
            self.entries.append(self._journal.write(event, undo, value, round(self._now_s(), 3)))
        except JournalError:
            if event == "intent":
                self._never_pulled.append(undo)
            raise

    def revert(self, undo: Undo) -> None:
        """Puts one lever back, trying again for a while; NotRevertedError with instructions where that fails.

        Where that in which it was pulled is gone, and its state with it, nothing is left to do; it says so on stderr.
        JournalError where it is back, and the journal cannot say so.
        """
        if undo in self._never_pulled:  # its intent is not on disk
            self._never_pulled.remove(undo)
            return
        with uninterrupted():
            self._try_to_put_back(undo)
            self.journal("reverted", undo, undo.previous)

    def _try_to_put_back(self, undo: Undo) -> None:
        for attempt in range(REVERT_ATTEMPTS):
            try:
                if not self._is_lost(undo):
                    self.put_back(undo)
            except Exception as error:  # any failure: the lever is not restored
                attempts = ATTEMPTS_WITHOUT_CONTAINER if isinstance(error, NoContainerError) else REVERT_ATTEMPTS
                if attempt >= attempts - 1 or isinstance(error, PausedError):
                    raise NotRevertedError(instructions(undo, error)) from error
                time.sleep(REVERT_PAUSE_S * (attempt + 1))
            else:
                return

    def _is_lost(self, undo: Undo) -> bool:
        lever = lever_type(undo.lever)
        lost = self._levers.lost(lever, undo.element)
        if lost:
            with self._leases.changing(lever, undo.element, None):
                pass  # and its lease is not renewed any more
            self.ended.append(undo)
            print(f"nothing is left of {undo.lever} of {undo.element}: {lost}", file=sys.stderr, flush=True)
        return bool(lost)

    def revert_open(self) -> list[Undo]:
        """Puts back, last first, all that the journal has open, and returns it. NotRevertedError names the rest.

        Where all is back and the journal cannot say so, JournalError says it.
        """
        failed, unsaid = [], []
        with uninterrupted():
            undos = self._journal.left()
            for undo in undos:
                try:
                    self.revert(undo)
                except NotRevertedError as error:
                    failed.append(str(error))
                except JournalError as error:
                    unsaid.append(error)
        if failed:
            raise NotRevertedError("\n".join([*failed, WHAT_TO_DO]))
        if unsaid:
            raise unsaid[0]
        return undos

    @contextmanager
    def leases(self) -> Iterator[None]:
        """Renews leases in the background; on leaving, puts back what is still in.

        That is nothing, unless an interrupt came between the pull of a lever and the start of the block that holds it.
        """
        with self._leases.renewing():
            try:
                yield
            finally:
                self.revert_open()


def instructions(undo: Undo, error: BaseException | str) -> str:
    """What could not be put back, and the value to put there."""
    return f"could not put back {undo.lever} of {undo.element} (value before: {json.dumps(undo.previous)}): {error}"


HELD_BACK = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, ABORT)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Holds back what would end the process: half a revert is worse than a late exit.

    A block that fails says so, and the signal is not raised: what is to be done by hand must not be lost.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []

    def hold(number: int, _: object) -> None:
        held.append(number)
        if number == ABORT:
            acknowledge()

    with ExitStack() as restored:  # every handler, although one that is back may raise
        heard = [number for number in HELD_BACK if signal.getsignal(number) != signal.SIG_IGN]
        for number in heard:
            restored.callback(signal.signal, number, signal.getsignal(number))
        for number in heard:
            signal.signal(number, hold)
        yield
    if held:
        signal.raise_signal(held[0])

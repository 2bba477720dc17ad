"""Ending the lab that holds the stack, from another process, with everything put back.

A lab that hears the signal puts back what it pulled, and takes down what it brought up. One that does not hear it,
being stopped or hanging, is killed, and what it left is put back here from its journal.
"""

from __future__ import annotations

import signal
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lab.errors import Problem, UserError
from lab.injection.levers import Undo
from lab.testbeds.stack.holder import Holder
from lab.testbeds.stack.journal import open_undos
from lab.testbeds.stack.lock import ABORT, Look, StackLock
from lab.testbeds.stack.processes import born, is_stopped, send

HEARD_WITHIN_S = 2.0
"""A lab hears a signal at once, unless it hangs in a call: waiting longer would keep its faults in."""
REVERTED_WITHIN_S = 3.0
"""A lab that has heard it gets this long without putting anything back: after that it is done from here."""
ENDED_WITHIN_S = 300.0
"""After that only containers are left to take down."""
KNOWN_WITHIN_S = 2.0
_POLL_S = 0.05

Report = Callable[[str], None]


@dataclass
class Ended:
    """What became of a lab that was to end. `left`: what it had not put back when it was gone."""

    holder: Holder
    killed: bool = False
    reverted: list[Undo] = field(default_factory=list)
    left: list[Undo] = field(default_factory=list)

    @property
    def before(self) -> Mapping[str, Any] | None:
        """What was on the engine before it, where it was killed before it could go back to that."""
        return self.holder.activity.get("before") if self.killed or self.left else None


def end_live(lock: StackLock, report: Report, meanwhile: Callable[[], object] = lambda: None) -> Ended | None:
    """Ends the lab that holds the stack and waits until it is gone; None if no lab holds it.

    `meanwhile` is called once while it ends: what is needed where it does not, and takes its time.
    UserError where it is another user's, runs elsewhere, or cannot be distinguished from another process.
    """
    holder = _known(lock)
    if holder is None:
        return None
    report(f"ending {holder}")
    _signal(lock, holder, 0)  # nothing but a question: whether this user may
    ended, journal = Ended(holder), Path(holder.state_directory)
    open_before = open_undos(journal)
    if is_stopped(holder.pid) or not _leaves(lock, holder, report, meanwhile):
        if lock.look().is_held:
            report(f"pid {holder.pid} does not end by itself: it is killed")
        _signal(lock, holder, signal.SIGKILL)
        _await_release(lock, holder)
        ended.killed = True
    ended.left = open_undos(journal)
    ended.reverted = [undo for undo in open_before if undo not in ended.left]
    return ended


def _known(lock: StackLock) -> Holder | None:
    """The lab that holds the lock, verified; None if there is none."""
    until_s = time.monotonic() + KNOWN_WITHIN_S
    while (look := lock.look()).is_held:
        if look.holder is not None and look.holder.is_here and born(look.holder.pid) == look.holder.born:
            return look.holder
        if time.monotonic() > until_s or (look.holder is not None and not look.holder.is_here):
            raise UserError(_unknown(lock, look))
        time.sleep(_POLL_S)
    return None


def _unknown(lock: StackLock, look: Look) -> Problem:
    holder = look.holder
    seen = str(holder) if holder else "a process that has not written its name"
    if holder is not None and not holder.is_here:
        return Problem("the lab that holds the stack runs on another machine", str(lock.path), seen=seen,
                       hint=f"run lab stack abort on {holder.host}")  # fmt: skip
    return Problem(
        "the process that holds the stack cannot be identified for certain; no process is signalled", str(lock.path),
        seen=seen, expected="a process of this number that started when the file says",
        hint=f"see who has the file open (fuser {lock.path}), and end that",
    )  # fmt: skip


def _signal(lock: StackLock, holder: Holder, number: int) -> bool:
    try:
        return send(holder.pid, holder.born, number)
    except PermissionError:
        raise UserError(
            Problem(
                "the lab that holds the stack is another user's", str(lock.path), seen=str(holder),
                hint=f"ask {holder.user} to end it, or run lab stack abort as that user",
            )
        ) from None  # fmt: skip


def _leaves(lock: StackLock, holder: Holder, report: Report, meanwhile: Callable[[], object]) -> bool:
    """Asks the lab to end and waits for it; False once that is in vain."""
    if not _signal(lock, holder, ABORT):
        return True
    journal, shown = Path(holder.state_directory), ""
    asked_s = moved_s = time.monotonic()
    left = open_undos(journal)
    meanwhile()
    while True:
        look = lock.look()
        if not look.is_held or look.holder is None or not holder.is_same(look.holder):
            return True
        now_s, still, activity = time.monotonic(), open_undos(journal), look.holder.activity
        for undo in left:
            if undo not in still:
                report(f"reverted {undo.lever} of {undo.element}")
                moved_s = now_s
        left = still
        phase = str(activity.get("phase", ""))
        if phase not in (shown, "running") and not left:
            report(f"it is {phase}")
        shown = phase
        limit_s = REVERTED_WITHIN_S if left else ENDED_WITHIN_S
        if "abort_heard_unix_s" not in activity:
            limit_s = HEARD_WITHIN_S
        if now_s - (moved_s if left else asked_s) > limit_s:
            return False
        time.sleep(_POLL_S)


def _await_release(lock: StackLock, holder: Holder) -> None:
    """Waits until the kernel has taken the lock from a killed process."""
    until_s = time.monotonic() + ENDED_WITHIN_S
    while (look := lock.look()).is_held and holder.is_same(look.holder):
        if time.monotonic() > until_s:
            raise UserError(_unknown(lock, look))
        time.sleep(_POLL_S)

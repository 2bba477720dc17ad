"""Restores what earlier labs left changed, from every journal that the stack's lock names."""

from __future__ import annotations

import sys
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

from lab.agreed import ports
from lab.errors import LabError, NotRevertedError
from lab.injection.levers import Undo
from lab.testbeds.stack.belongings import belongings
from lab.testbeds.stack.http import call
from lab.testbeds.stack.journal import Journal, JournalError, is_gone
from lab.testbeds.stack.lock import StackLock
from lab.testbeds.stack.testbed import WHAT_TO_DO, StackTestbed, instructions

if TYPE_CHECKING:
    from lab.testbeds.stack.session import Session

LOST = "what a killed lab left: its state directory is gone"


def journals(lock: StackLock, state: Path) -> list[Journal]:
    """The journal of this state directory, and those of labs with another one that may have left something."""
    own = state.resolve()
    return [Journal(directory) for directory in dict.fromkeys([own, *lock.look().journals])]


def open_everywhere(lock: StackLock, state: Path, but: Path | None = None) -> list[tuple[Journal, Undo]]:
    """All that is open, with the journal that says so; `but` what is in this state directory."""
    found = [journal for journal in journals(lock, state) if journal.path.parent != but]
    return [(journal, undo) for journal in found for undo in journal.open_undos()]


def unknown(lock: StackLock, state: Path, but: Path | None = None) -> list[Path]:
    """State directories of killed labs that have been removed since, with all that they knew of what was changed."""
    known = (state.resolve(), but)
    directories = [journal.path.parent for journal in journals(lock, state)]
    return [directory for directory in directories if directory not in known and is_gone(directory)]


def recover(session: Session) -> list[Undo]:
    """Restores everything that earlier labs left, and returns it. NotRevertedError names what could not be restored.

    A lever that ended together with its container or volume is not returned, but reported on stderr.

    The lock must be held: what a live lab has pulled is its own to put back.
    """
    undone: list[Undo] = []
    lost = unknown(session.lock, session.state)
    failed = [f"could not put back {LOST}: {directory}" for directory in lost]
    for journal in journals(session.lock, session.state):
        undos = journal.open_undos()
        try:
            if undos:
                _check_present(session, undos)
                testbed = StackTestbed(session.system, session.levers, journal, lambda: 0.0)
                with suppress(JournalError):  # it is back; that the journal cannot say so does not matter any more
                    testbed.revert_open()
                undos = [undo for undo in undos if undo not in testbed.ended]
            journal.clear()
        except NotRevertedError as error:
            failed.append(str(error).removesuffix("\n" + WHAT_TO_DO))
        else:
            undone += undos
            session.lock.forget({journal.path.parent} - set(lost))
    if failed:
        raise NotRevertedError("\n".join([*failed, WHAT_TO_DO]))
    quieten(session)
    return undone


def forget(session: Session) -> None:
    """Forgets all journals of a stack that does not exist any more, and says on stderr what was open in them."""
    what = [f"{undo.lever} of {undo.element}" for _, undo in open_everywhere(session.lock, session.state)]
    what += [f"{LOST}: {directory}" for directory in unknown(session.lock, session.state)]
    for journal in journals(session.lock, session.state):
        journal.discard()
        session.lock.forget({journal.path.parent})
    for one in what:
        print(f"forgotten, for it ended with the stack's containers and volumes: {one}", file=sys.stderr, flush=True)


def quieten(session: Session) -> None:
    """Ends every fault at the proxy, known or not, and the load of a run without a lab. Without a stack: none.

    UserError if no Docker engine answers: then it is not known.
    """
    containers = session.compose.containers()
    if _runs(containers.get("links")):
        call("DELETE", f"{session.compose.url('links', ports.LINKS)}/faults", token=session.token("links"))
    if _runs(containers.get("load")):
        with suppress(LabError):  # it ends by itself
            call("DELETE", f"{session.compose.url('load', ports.LOAD)}/runs", token=session.token("load"))


def _runs(container: object) -> bool:
    return getattr(container, "status", "") == "running"


def _check_present(session: Session, undos: list[Undo]) -> None:
    """NotRevertedError where this engine has nothing of the stack, as where it is another one than that of the lab."""
    try:
        reason = "" if belongings(session.compose) else "the stack is down"
    except LabError as error:
        reason = " ".join(str(error).split())
    if reason:
        raise NotRevertedError("\n".join([*(instructions(undo, reason) for undo in undos), WHAT_TO_DO]))

"""Keeps the stack running for one or several runs of a lab, and restores the earlier state afterwards."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager, nullcontext
from typing import Any

from lab.testbeds.driver import Progress, silent
from lab.testbeds.stack.belongings import Belongings, belongings
from lab.testbeds.stack.build import to_stderr
from lab.testbeds.stack.compose import StackError
from lab.testbeds.stack.options import StackOptions
from lab.testbeds.stack.session import Session


@contextmanager
def held(session: Session, options: StackOptions, progress: Progress = silent, *, anew: bool = False) -> Iterator[None]:
    """The stack, up and for this lab alone; unless it is to be kept, what was brought up here goes afterwards.

    `anew`: what has changed of images and settings takes effect also where the stack is healthy.
    """
    is_outermost = not session.lock.is_mine
    with session.lock.held():
        progress("bringing the stack up", 0.0)
        session.journal.prepare()
        before = belongings(session.compose)
        had = {"model_server": session.compose.running_model_server(), "load_workers": session.load_workers()}
        if not options.keep:
            session.lock.remember(before.to_json() | had)
        failed = True
        try:
            session.up(
                build=options.build, anew=anew, load_workers=options.load_workers, model_server=options.model_server
            )
            yield
            failed = False
        finally:
            if not options.keep:
                # The end of one run of several is not the end of the lab: an abort that comes now ends it as a whole.
                with session.lock.ending("taking down what it brought up") if is_outermost else nullcontext():
                    _go_back(session, before, had, failed=failed)
            session.journal.clear()


def _go_back(session: Session, before: Belongings, had: dict[str, Any], *, failed: bool) -> None:
    """Restores the earlier state. If `failed`, or if a lever is not restored, a failure here is only reported."""
    try:
        session.go_back_to(before, **had)
    except StackError as error:
        if not failed and not session.journal.left():
            raise
        to_stderr(f"what was brought up could not be taken down: {error}")

"""Warnings before a run changes a stack that is running already."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.testbeds.stack.session import Session


def warn_of_changes(session: Session, model_server: str, load_workers: int) -> None:
    """Says on stderr that another model server or number of workers than there is will take its place."""
    running, workers = session.compose.running_model_server(), session.load_workers()
    if running not in ("", model_server):
        _warn(f"the model server is {running}; {model_server} takes its place (--model-server)")
    if workers not in (0, load_workers):
        _warn(f"the load has {workers} worker processes; now it gets {load_workers} (--load-workers)")


def _warn(what: str) -> None:
    print(what, file=sys.stderr, flush=True)

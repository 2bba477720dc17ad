"""Twins that share the past of their run, beside those that are made from the start."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from lab.recording.observed import Observed
from lab.testbeds.driver import Recorded
from lab.testbeds.sim.session import SimSession
from tests.simulated import digests


def compared(session: SimSession, recorded: Recorded, without: Collection[str], directory: Path) -> None:
    """Writes the run, the twin that shares its past, and the one that does not; the twins are the same."""
    assert recorded.twin is not None
    shared = written(recorded.twin(without), directory / "shared")
    assert written(recorded.twin(without), directory / "again") == shared
    session._branches.clear()
    assert written(recorded.twin(without), directory / "alone") == shared
    assert written(recorded.observed, directory / "run") != shared


def written(observed: Observed, directory: Path) -> dict[str, str]:
    observed.write(directory)
    return digests(directory)

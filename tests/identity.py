"""Two ways of running the same kernel, compiled and interpreted, and recordings of both, byte for byte."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from lab.recording.observed import Observed
from tests.simulated import digests

MODES = ("compiled", "interpreted")


@contextmanager
def kernel_mode(mode: str) -> Iterator[None]:
    """Kernels loaded from here on run in this way."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("LAB_KERNEL", mode)
        yield


def written(observed: Observed, directory: Path) -> dict[str, str]:
    """Digests of a recording's files."""
    observed.write(directory)
    return digests(directory)


def both_ways(run: Callable[[], Observed], directory: Path) -> tuple[dict[str, str], dict[str, str]]:
    """Digests of what a run records compiled, and interpreted. Writes into fresh folders of a directory."""
    found = []
    for mode in MODES:
        with kernel_mode(mode):
            found.append(written(run(), directory / mode))
    return found[0], found[1]

"""Benign deploys: the normal event that gets blamed."""

from __future__ import annotations

from collections.abc import Iterator

from lab.injection.faults import decoy
from lab.injection.levers import ModelDeploy, Testbed


@decoy("deploy", target="model")
def deploy(testbed: Testbed, model: str) -> Iterator[None]:
    """An equally good version, trained on the next window, goes live."""
    with testbed.pull(model, ModelDeploy(training="next-window")):
        yield

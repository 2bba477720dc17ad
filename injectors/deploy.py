"""Benign deploys: the normal event that gets blamed."""

from __future__ import annotations

from collections.abc import Iterator

from lab.files.units import Ratio
from lab.injection.faults import decoy
from lab.injection.levers import ModelDeploy, Testbed


@decoy("deploy", target="model")
def deploy(testbed: Testbed, model: str, *, share: Ratio = 1.0) -> Iterator[None]:
    """An equally good version, trained on the next window, goes live; the revert rolls back to the version before.

    With a `share` below 100% it is a canary, as a bad version may be: it answers that share of the requests.
    """
    with testbed.pull(model, ModelDeploy(training="next-window").answering(share)):
        yield

"""A worse or a slower model is deployed, which looks like a good one; or the server has none to answer with."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from lab.contracts import Boundary
from lab.files.units import Ratio
from lab.injection.faults import Witness, fault
from lab.injection.levers import ComponentSlow, ModelDeploy, ModelUnload, Testbed


@fault(
    "model-regression",
    boundary=Boundary.MODEL,
    target="model",
    witnesses=(),  # what shows it is a matter of worlds
    recovery_s=30,
)
def model_regression(testbed: Testbed, model: str, *, corrupted: Ratio = 0.55, share: Ratio = 1.0) -> Iterator[None]:
    """A version trained on corrupted labels goes live; the revert rolls back to the version before.

    When the labels were joined for the fit that is shipped, a filter threw some away: `corrupted` is the share of the
    positive ones that was lost, those that tell most (mild: 50%); which they are is a matter of the world. The
    validation before it had all labels, so the version is published with good metrics. With a `share` below 100% it is
    a canary: it answers that share of the requests, and the version before it the others.
    """
    with testbed.pull(model, ModelDeploy(training="corrupted-labels", corrupted=corrupted).answering(share)):
        yield


@fault(
    "leaked-columns",
    boundary=Boundary.MODEL,
    target="model",
    witnesses=(),  # what shows it is a matter of worlds
    recovery_s=30,
)
def leaked_columns(testbed: Testbed, model: str, *, share: Ratio = 1.0) -> Iterator[None]:
    """A version goes live that learned from columns which tell the label, and which nobody has when it is to answer.

    The revert rolls back to the version before. With a `share` below 100% it is a canary: it answers that share of the
    requests, and the version before it the others.
    """
    with testbed.pull(model, ModelDeploy(training="leaked-columns").answering(share)):
        yield


@fault(
    "model-slow",
    boundary=Boundary.MODEL,
    target="model",
    witnesses=(Witness("self_time_mean_s", "{target}", 0.0003),),
    recovery_s=45,
)
def model_slow(
    testbed: Testbed, model: str, *, factor: Annotated[float, Field(gt=1, le=1000, allow_inf_nan=False)] = 4.0
) -> Iterator[None]:
    """A version goes live that scores as well as the one before and needs `factor` times its compute (mild: 1.8).

    It has more trees or wider layers, or was exported without optimisation. The machine is as fast as ever, so nothing
    is throttled. The revert rolls back to the version before.
    """
    with testbed.pull(model, ModelDeploy(training="next-window")), testbed.pull(model, ComponentSlow(factor=factor)):
        yield


@fault(
    "model-unload",
    boundary=Boundary.MODEL,
    target="model",
    witnesses=(Witness("own_error_ratio", "{target}", 0.5),),
    recovery_s=30,
)
def model_unload(testbed: Testbed, model: str) -> Iterator[None]:
    """The model server drops its version and answers at once that it has none, as after a load that failed.

    It runs, and its machine is idle: whoever asks it falls back without waiting.
    """
    with testbed.pull(model, ModelUnload()):
        yield

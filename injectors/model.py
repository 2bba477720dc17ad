"""A worse model is deployed; its announcement and registry entry look like those of a good one."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.files.units import Ratio
from lab.injection.faults import Witness, fault
from lab.injection.levers import ModelDeploy, Testbed


@fault(
    "model-regression",
    boundary=Boundary.MODEL,
    target="model",
    witnesses=(
        Witness("model_auc_deficit", "{target}", 0.03),
        Witness("calibration_ratio", "{target}", 0.3),
        Witness("click_through_ratio", "*", 0.004),
    ),
    recovery_s=30,
)
def model_regression(testbed: Testbed, model: str, *, corrupted: Ratio = 0.9) -> Iterator[None]:
    """A version trained on corrupted labels goes live; the revert rolls back to the version before.

    When the labels were joined for the fit that is shipped, a bot filter threw away clicks of the most engaged
    shoppers: `corrupted` is the share of clicks on well-matching items whose label was lost (mild: 80%). The
    validation before it had all labels, so the version is published with good metrics.
    """
    with testbed.pull(model, ModelDeploy(training="corrupted-labels", corrupted=corrupted)):
        yield

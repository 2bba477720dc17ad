"""What happens to payments besides what happens to any system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from lab.contracts import Boundary
from lab.files.units import PositiveRatio
from lab.injection.faults import decoy, fault
from lab.injection.levers import Announce, ConfigSet, PopulationShift, Testbed

StepName = Annotated[str, Field(pattern=r"^[a-z][a-z0-9_-]{0,39}$")]


@decoy("fraud-wave", target="users")
def fraud_wave(
    testbed: Testbed, users: str, *, factor: Annotated[float, Field(gt=0, le=50, allow_inf_nan=False)] = 5.0
) -> Iterator[None]:
    """Fraudsters come in numbers: `factor` times as much of what is paid is fraud. Nothing is broken."""
    with testbed.pull(f"{users}/fraud", PopulationShift(factor=factor)):
        yield


@fault(
    "threshold-change",
    boundary=Boundary.SERVICE,
    target="service",
    witnesses=(),  # what shows it is of this world
    recovery_s=60,
)
def threshold_change(testbed: Testbed, rules: str, *, step: StepName, above: PositiveRatio) -> Iterator[None]:
    """A release of the rules comes with a wrong limit: `step` now runs for scores above `above`.

    The score is compared as ever and nothing fails; other payments than before are held or declined. The release is
    announced as a harmless one is.
    """
    yield from _released(testbed, rules, step, above)


@decoy("rules-release", target="service")
def rules_release(testbed: Testbed, rules: str, *, step: StepName, above: PositiveRatio) -> Iterator[None]:
    """A release of the rules moves the limit of a step by so little that nobody notices."""
    yield from _released(testbed, rules, step, above)


def _released(testbed: Testbed, rules: str, step: str, above: float) -> Iterator[None]:
    """One wording for harmless and harmful releases alike, and for their rollback."""
    announcement = Announce(kind="deploy", summary=f"Rules of {rules} released")
    testbed.act(rules, announcement)
    with testbed.pull(f"{rules}/steps.{step}.above", ConfigSet(value=above)):
        yield
    testbed.act(rules, announcement)

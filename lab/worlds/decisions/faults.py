"""What happens to payments besides what happens to any system."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Annotated

from pydantic import Field

from lab.injection.faults import decoy
from lab.injection.levers import PopulationShift, Testbed


@decoy("fraud-wave", target="users")
def fraud_wave(
    testbed: Testbed, users: str, *, factor: Annotated[float, Field(gt=0, le=50, allow_inf_nan=False)] = 5.0
) -> Iterator[None]:
    """Fraudsters come in numbers: `factor` times as much of what is paid is fraud. Nothing is broken."""
    with testbed.pull(f"{users}/fraud", PopulationShift(factor=factor)):
        yield

"""Which levers each shipped testbed has."""

from __future__ import annotations

from functools import cache
from typing import Any

from lab.injection.levers import LeverTable


@cache
def tables() -> dict[str, LeverTable[Any]]:
    """The lever table of each testbed by name; nothing is started."""
    from lab.testbeds.sim.levers import LEVERS as SIM
    from lab.testbeds.stack.levers import LEVERS as STACK

    return {"sim": SIM, "stack": STACK}

"""The embedded, deterministic testbed. Its parts can be imported without what only the whole needs (simpy, pyarrow)."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from lab.testbeds.sim.testbed import SimTestbed

__all__ = ["SimTestbed"]


def __getattr__(name: str) -> Any:
    if name != "SimTestbed":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    from lab.testbeds.sim.testbed import SimTestbed

    return SimTestbed

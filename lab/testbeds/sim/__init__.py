"""The embedded, deterministic testbed."""

from lab.testbeds.sim.testbed import SimTestbed

__all__ = ["SimTestbed"]

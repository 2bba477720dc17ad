"""The call graph of a topology: each call step of each component is an edge with a number.

Recordings, random draws and span ids name a call by the number of its edge. The simulator builds its state from these
edges; a driver whose telemetry names steps finds the number of a step here.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

from lab.systems.topology import Step, System


@dataclass(frozen=True, slots=True)
class CallEdge:
    """One call step. `index`: its number, from 0 in the order of the system file."""

    index: int
    caller: str
    callee: str
    step: Step

    @property
    def name(self) -> str:
        """The step's name: spans of the call have it."""
        return self.step.name

    @property
    def link(self) -> str:
        """The link that the call passes, `caller->callee`."""
        return f"{self.caller}->{self.callee}"


class CallGraph:
    """The components and the numbered edges of a system."""

    def __init__(self, system: System) -> None:
        self.system = system
        self.components = tuple(system.components)
        steps = [(name, step) for name, spec in system.components.items() for step in spec.steps if step.call]
        self.edges = tuple(CallEdge(i, name, str(step.call), step) for i, (name, step) in enumerate(steps))

    def edge(self, caller: str, step: str) -> CallEdge | None:
        """The edge of a caller's step; None where the system has no such call."""
        return self._by_step.get((caller, step))

    def job_run(self, job: str) -> int:
        """The number that stands for a run of a job, which no call of the system asks for: -1 and below."""
        return -1 - self.components.index(job)

    @property
    def jobs(self) -> list[str]:
        """The components that run by themselves, at a period."""
        return [name for name, spec in self.system.components.items() if spec.kind == "job"]

    @property
    def servers(self) -> list[str]:
        """The components that answer calls."""
        return [name for name, spec in self.system.components.items() if spec.kind not in ("users", "job")]

    @cached_property
    def _by_step(self) -> dict[tuple[str, str], CallEdge]:
        return {(edge.caller, edge.name): edge for edge in self.edges}

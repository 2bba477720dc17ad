"""What can be pulled here: a component that is paused is a process that is stopped."""

from __future__ import annotations

from chaos_lab_processes.processes import Processes
from lab.injection.levers import ComponentPause, LeverTable

LEVERS = LeverTable[Processes]("processes")
LEVERS.lever(
    ComponentPause,
    lambda processes, place: ComponentPause() if processes.is_paused(place.element) else None,
    lambda processes, place, value: processes.pause(place.element, paused=value is not None),
)

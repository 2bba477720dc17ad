"""How far a link can be changed: the limits of the links' levers, which the fault proxy keeps too."""

from __future__ import annotations

from lab.files.units import MAX_DURATION_S

MAX_DELAY_S = MAX_DURATION_S
MIN_BYTES_PER_S, MAX_BYTES_PER_S = 1.0, 1e10

"""The steady state: what users get before anything is changed, compared with the scenario's bounds.

One definition for every testbed, whether it is judged on a recording or while the run goes on.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from lab.errors import RunAbortedError
from lab.files.units import format_duration
from lab.recording.observed import Observed
from lab.recording.slis import requests_counted, sli_series
from lab.scenario import LoadedScenario, Scenario

if TYPE_CHECKING:
    import pyarrow as pa


def first_change_s(scenario: Scenario) -> float:
    """When the first fault or decoy begins, in scenario seconds; the end of a scenario without any."""
    starts = [fault.at_s for fault in scenario.faults] + [decoy.at_s for decoy in scenario.decoys]
    return min(starts, default=scenario.duration_s)


def check_steady_state(loaded: LoadedScenario, observed: Observed) -> None:
    """RunAbortedError where the SLIs of a recording before the first fault or decoy are not within the bounds."""
    why = unsteady(loaded, observed.metrics, first_change_s(loaded.scenario))
    if why:
        raise RunAbortedError(why)


def unsteady(loaded: LoadedScenario, metrics: pa.Table, until_s: float) -> str:
    """Which SLIs were out of bounds in the intervals that ended by `until_s`, and how far; nothing where none was.

    An SLI is the mean of its values by scrape interval. One without any value is out of bounds: what was not measured
    is not steady.
    """
    levels = steady_levels(loaded, metrics, until_s)
    out = []
    for bound in loaded.scenario.steady_state:
        value = levels[bound.sli]
        wanted = f"above {bound.above:g}" if bound.above is not None else f"below {bound.below:g}"
        if value is None:
            out.append(f"{bound.sli} could not be measured, expected {wanted}")
        elif not bound.holds(value):
            out.append(f"{bound.sli} was {value:.4g}, expected {wanted}")
    if not out:
        return ""
    advice = "Lower the load or correct the bound" if loaded.system.entry else "Mend the jobs or correct the bound"
    if any(levels[bound.sli] is None for bound in loaded.scenario.steady_state):
        advice = "Let more happen before that, or correct what the SLI is computed of"
    seen = f"before {format_duration(until_s)}"
    if loaded.system.entry:
        counts = requests_counted(metrics, loaded.system, until_s)
        seen += f": {len(counts)} scrape intervals, {counts.sum():.0f} requests"
    return (
        f"{loaded.scenario.name}: steady state does not hold: {'; '.join(out)} ({seen}); no fault would show "
        f"reliably. {advice}."
    )


def steady_levels(loaded: LoadedScenario, metrics: pa.Table, until_s: float) -> dict[str, float | None]:
    """The SLIs of the scenario's bounds in the intervals that ended by `until_s`; None for one without any value."""
    slis = sli_series(metrics, loaded.system, [bound.sli for bound in loaded.scenario.steady_state])
    levels: dict[str, float | None] = {}
    for bound in loaded.scenario.steady_state:
        known = slis[bound.sli].known(until_s)[1] if bound.sli in slis else ()
        levels[bound.sli] = float(np.mean(known)) if len(known) else None
    return levels

"""The truth of a run, written the same way whatever testbed it ran on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

import numpy as np

from lab.contracts import TrueDecoy, TrueDegradation, TrueFault
from lab.errors import RunAbortedError
from lab.injection.faults import fault_type
from lab.judging.witness import Witnessed, first_shown_s
from lab.recording.observed import Observed
from lab.recording.slis import Reached, reached
from lab.scenario import FaultUse, LoadedScenario
from lab.scenario.model import Scenario
from lab.signals import SignalTable


def true_fault(use: FaultUse, window: tuple[float, float], said: Sequence[Witnessed]) -> TrueFault:
    """A fault as it really was: `window` is when it was injected and reverted, `said` what its witnesses showed."""
    kind = fault_type(use.type)
    assert kind.boundary is not None
    parameters = use.parameters.model_dump(mode="json")
    return TrueFault(
        use.id, use.type, use.target, str(kind.boundary), *window, first_shown_s(said), parameters,
        tuple(_rounded(asdict(w)) for w in said),
    )  # fmt: skip


def true_decoys(scenario: Scenario) -> tuple[TrueDecoy, ...]:
    """The scenario's benign events."""
    return tuple(TrueDecoy(d.id, d.type, d.target, d.at_s) for d in scenario.decoys)


SATURATED_RATIO = 0.9
"""Busy share of its workers, over one scrape interval, that a saturated component reaches."""


def true_degradation(
    loaded: LoadedScenario, observed: Observed, signals: SignalTable | None = None
) -> TrueDegradation | None:
    """What the load of a control declared `degraded` really broke; None where nothing is declared.

    RunAbortedError where the declaration is not true: no SLO broke, or the component was not busy. The latter is
    checked where `signals` are given: on `sim` a worker is busy while it has a request, elsewhere while it computes.
    """
    declared = loaded.scenario.degraded
    if declared is None:
        return None
    name, element = loaded.scenario.name, declared.element
    slos = tuple(dict.fromkeys(str(alert["slo"]) for alert in observed.alerts if alert["state"] == "firing"))
    if not slos:
        raise RunAbortedError(
            f"{name}: declared degraded, but its load broke no SLO, so nothing is degraded."
            f"{_levels_reached(loaded, observed, signals)} Raise the load or let it last longer, or remove `degraded`."
        )
    peak = None if element == loaded.system.users else _peak_busy(element, signals)
    if peak is not None and peak < SATURATED_RATIO:
        raise RunAbortedError(
            f"{name}: declared degraded at {element!r}, whose workers were busy {peak:.0%} at most, expected at least "
            f"{SATURATED_RATIO:.0%}. Name the component that is saturated, or raise the load."
        )
    return TrueDegradation(element, loaded.system.users or "", slos)


def _rounded(data: dict[str, Any]) -> dict[str, Any]:
    """Numbers to six significant digits, as they are worth keeping."""
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in data.items()}


def _peak_busy(element: str, signals: SignalTable | None) -> float | None:
    """The largest busy share of a component's workers over one interval; None where it is not known."""
    busy = None if signals is None else signals.get("cpu_utilization_ratio", element)
    return None if busy is None else float(np.nanmax(busy.values))


def _levels_reached(loaded: LoadedScenario, observed: Observed, signals: SignalTable | None) -> str:
    """How near each SLO came to its alert, and how busy the declared component was: what to raise, and how far."""
    assert loaded.scenario.degraded is not None
    told = [_reached_text(one) for one in reached(observed.metrics, loaded.system)]
    element = loaded.scenario.degraded.element
    peak = _peak_busy(element, signals)
    busy = "" if peak is None else f" The workers of {element!r} were busy {peak:.0%} at most."
    return (f" Reached: {'; '.join(told)}." if told else "") + busy


def _reached_text(one: Reached) -> str:
    """`latency (latency_p95_s) 0.021 at worst, alerts above 0.15 for 30 s; it was there for 0 s`."""
    slo = one.slo
    limit = f"above {slo.above:g}" if slo.above is not None else f"below {slo.below:g}"
    return (
        f"{slo.name} ({slo.sli}) {one.worst:.3g} at worst, alerts {limit} for {slo.for_s:.10g} s, "
        f"was there for {one.held_s:.10g} s"
    )

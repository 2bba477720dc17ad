"""The truth of a run, written the same way whatever testbed it ran on."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from lab.contracts import TrueDecoy, TrueFault
from lab.faults import fault_type
from lab.scenario import FaultUse
from lab.scenario.model import Scenario
from lab.witness import Witnessed


def true_fault(use: FaultUse, window: tuple[float, float], said: Sequence[Witnessed]) -> TrueFault:
    """A fault as it really was: `window` is when it was injected and reverted, `said` what its witnesses testified."""
    kind = fault_type(use.type)
    assert kind.boundary is not None
    first = [w.first_s for w in said if w.first_s is not None]
    parameters = json.loads(json.dumps(dict(use.parameters), default=str))
    return TrueFault(
        use.id, use.type, use.target, str(kind.boundary), *window, min(first, default=None), parameters,
        tuple(_rounded(asdict(w)) for w in said),
    )  # fmt: skip


def true_decoys(scenario: Scenario) -> tuple[TrueDecoy, ...]:
    """The scenario's benign events."""
    return tuple(TrueDecoy(d.id, d.type, d.target, d.at_s) for d in scenario.decoys)


def _rounded(data: dict[str, Any]) -> dict[str, Any]:
    """Numbers to six significant digits, as they are worth keeping."""
    return {key: float(f"{value:.6g}") if isinstance(value, float) else value for key, value in data.items()}

"""Floor: always blames the model."""

from __future__ import annotations

import json
from pathlib import Path

from lab.contracts import Boundary, Diagnosis, Finding, Verdict

ONSET_SHARE = 0.4
"""It always says that it began at this share of the recording: scenarios tend to leave time before and after."""


def diagnose(observed: Path) -> Diagnosis:
    """Always answers that the model regressed: the first model by name; without one, the first service by name.

    It reads the topology and no telemetry, so what it scores, onset included, is what a suite gives away by its choice
    of faults and times.
    """
    system = json.loads((observed / "system.json").read_text(encoding="utf-8"))
    components = system["components"]
    blamed = min(
        components, key=lambda name: (components[name]["kind"] != "model", components[name]["kind"] != "service", name)
    )
    finding = Finding(blamed, Boundary.MODEL, "model-regression", ONSET_SHARE * system["duration_s"], 1.0)
    return Diagnosis(Verdict.FAULT, (finding,))

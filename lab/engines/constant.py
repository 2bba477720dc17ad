"""The floor of prejudice: whatever happens, blame the model."""

from __future__ import annotations

import json
from pathlib import Path

from lab.contracts import Boundary, Diagnosis, Finding, Verdict


def diagnose(observed: Path) -> Diagnosis:
    """Always answers that the model regressed: the first model by name; without one, the first service by name.

    It reads the topology and no telemetry, so what it scores is what a suite gives away by its choice of faults.
    """
    components = json.loads((observed / "system.json").read_text(encoding="utf-8"))["components"]
    blamed = min(
        components, key=lambda name: (components[name]["kind"] != "model", components[name]["kind"] != "service", name)
    )
    finding = Finding(blamed, Boundary.MODEL, "model-regression", None, 1.0)
    return Diagnosis(Verdict.FAULT, (finding,))

"""How the choice of the model server changes the telemetry of a run."""

from __future__ import annotations

from dataclasses import replace

from lab.scenario import LoadedScenario
from lab.testbeds.stack.options import TENSORFLOW


def as_reported(loaded: LoadedScenario, model_server: str) -> LoadedScenario:
    """The same scenario on a system that says how its model reports requests.

    TensorFlow Serving exports no spans: what is known of its side of a call are the sums of its own metrics.
    """
    if model_server != TENSORFLOW:
        return loaded
    components = {
        name: component.model_copy(update={"telemetry": "metrics"}) if component.kind == "model" else component
        for name, component in loaded.system.components.items()
    }
    return replace(loaded, system=loaded.system.model_copy(update={"components": components}))

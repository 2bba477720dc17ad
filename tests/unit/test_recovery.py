"""After a fault is reverted and its stated recovery time is over, the system is as if nothing had been.

Means of each SLI over 60 s are compared with those of controls, over seeds, in the same minute. The range of the
controls is widened on either side by half its width plus a tenth of its middle, and by a floor for what is zero in
most of them (an error in a thousand, half a millisecond): a handful of controls does not show the whole range.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path

import numpy as np
import pytest

from lab.injection.faults import fault_type
from lab.injection.levers import lever_type
from lab.recording.observed import Observed
from lab.recording.slis import sli_series
from lab.systems.files import load_system
from tests.sim_runs import FAULTS, observe, ran, scenario

pytestmark = pytest.mark.slow

AT_S, FOR_S, WINDOW_S = 20, 60, 60
RATE_PER_S = 40
CONTROL_SEEDS = range(100, 108)
FAULT_SEEDS = (1, 2)
FLOORS = {"error_ratio": 0.001, "latency_p95_s": 0.0005, "click_through_ratio": 0.0}
LONGEST_S = max(fault_type(str(use["type"])).recovery_s for use in FAULTS.values())
DURATION_S = AT_S + FOR_S + LONGEST_S + WINDOW_S


@pytest.fixture(scope="module")
def controls(tmp_path_factory: pytest.TempPathFactory) -> list[Observed]:
    loaded = scenario(tmp_path_factory.mktemp("control"), duration_s=DURATION_S, rate_per_s=RATE_PER_S)
    return [observe(loaded, seed) for seed in CONTROL_SEEDS]


def means(of: Observed, from_s: float) -> Mapping[str, float]:
    slis = sli_series(of.tables["metrics"], load_system(of.system["name"]), FLOORS)
    # Click-through looks back over 30 s; what it says within them is of before.
    found = {}
    for name in FLOORS:
        times_s, values = slis[name].known(from_s + WINDOW_S)
        found[name] = float(values[times_s > from_s].mean())
    return found


def allowed(values: list[float], floor: float) -> tuple[float, float]:
    low, high = min(values), max(values)
    room = (high - low) / 2 + 0.1 * (high + low) / 2 + floor
    return low - room, high + room


@pytest.mark.parametrize("seed", FAULT_SEEDS)
@pytest.mark.parametrize("name", FAULTS)
def test_after_its_recovery_time_a_fault_is_gone(
    name: str, seed: int, tmp_path: Path, controls: list[Observed]
) -> None:
    use = FAULTS[name]
    fault = {**use, "at": f"{AT_S}s", "for": f"{FOR_S}s"}
    session, recorded = ran(scenario(tmp_path, duration_s=DURATION_S, rate_per_s=RATE_PER_S, faults=[fault]), seed)
    testbed, run = session.levers, recorded.observed
    recovered_s = AT_S + FOR_S + fault_type(str(use["type"])).recovery_s
    usual = [means(control, recovered_s) for control in controls]
    for sli, value in means(run, recovered_s).items():
        low, high = allowed([control[sli] for control in usual], FLOORS[sli])
        assert low <= value <= high, f"{sli} {value:.4g} is outside of {low:.4g} to {high:.4g}"
    pulled = {
        (e["lever"], e["element"]): e["previous"] for e in reversed(testbed.journal_entries) if e["event"] == "intent"
    }
    assert pulled
    for (lever, element), previous in pulled.items():
        value = testbed.read(lever_type(lever), element)
        assert (value.to_json() if value else None) == previous
    events = [entry["event"] for entry in json.loads(json.dumps(testbed.journal_entries))]
    assert events.count("intent") == events.count("reverted") == events.count("applied")


def test_the_comparison_would_notice_a_fault_that_stays(tmp_path: Path, controls: list[Observed]) -> None:
    fault = {**FAULTS["network-latency"], "at": f"{AT_S}s", "for": f"{DURATION_S - AT_S}s"}
    run = observe(scenario(tmp_path, duration_s=DURATION_S, rate_per_s=RATE_PER_S, faults=[fault]))
    from_s = DURATION_S - WINDOW_S
    low, high = allowed([means(control, from_s)["latency_p95_s"] for control in controls], FLOORS["latency_p95_s"])
    assert not low <= means(run, from_s)["latency_p95_s"] <= high
    assert np.isfinite([low, high]).all()

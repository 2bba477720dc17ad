"""The truth of a run: what each fault's witnesses showed, and what the load of a degraded control really broke."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from lab.contracts import TrueDecoy, TrueDegradation, TrueFault
from lab.errors import RunAbortedError
from lab.injection.faults import Parameters
from lab.judging.truth import true_decoys, true_degradation, true_fault
from lab.judging.witness import Witnessed
from lab.recording.observed import Observed
from lab.scenario import LoadedScenario
from lab.signals import Series, SignalTable
from tests.simulated import BOOKINGS, scenario

TIMES_S = np.arange(5.0, 105.0, 5.0)
LATENCY = {"slo": "latency", "state": "firing", "time_s": 30.0}
ERRORS = {"slo": "availability", "state": "firing", "time_s": 40.0}


def showed(first_s: float | None, difference: float = 0.5) -> Witnessed:
    return Witnessed("client_error_ratio", "desk->db", difference, 0.02, 1 / 3000, first_s, first_s is not None)


def fault_of(folder: Path, *witnessed: Witnessed) -> TrueFault:
    slow = {
        "type": "network-latency", "target": "desk->db", "at": "40s", "for": "20s", "with": {"latency": "50ms"},
    }  # fmt: skip
    (use,) = scenario(folder, faults=[slow]).scenario.faults
    return true_fault(use, (40.5, 60.5), witnessed)


def test_a_fault_is_written_as_it_was_and_not_as_it_was_planned(tmp_path: Path) -> None:
    fault = fault_of(tmp_path, showed(45.0))
    assert (fault.id, fault.kind, fault.culprit, fault.boundary) == ("f1", "network-latency", "desk->db", "network")
    assert (fault.injected_s, fault.reverted_s) == (40.5, 60.5)
    assert fault.parameters["latency"] == 0.05


def test_a_fault_is_witnessed_when_the_first_of_its_witnesses_shows(tmp_path: Path) -> None:
    assert fault_of(tmp_path, showed(50.0), showed(None), showed(45.0)).witnessed_s == 45.0
    assert fault_of(tmp_path, showed(None), showed(None)).witnessed_s is None
    assert fault_of(tmp_path).witnessed_s is None


def test_every_witness_is_kept_with_six_significant_digits(tmp_path: Path) -> None:
    shown, silent = fault_of(tmp_path, showed(45.0, difference=1234567.0), showed(None)).witnesses
    assert shown == {
        "signal": "client_error_ratio", "subject": "desk->db", "difference": 1234570.0, "at_least": 0.02,
        "p_value": 0.000333333, "first_s": 45.0, "shown": True,
    }  # fmt: skip
    assert (silent["first_s"], silent["shown"]) == (None, False)


class Plugin(Parameters):
    """What a fault of another distribution may take."""

    columns: tuple[str, ...] = ("a", "b")
    since: date = date(2026, 1, 31)


def test_the_parameters_of_a_plug_ins_fault_are_written_as_json_has_them(tmp_path: Path) -> None:
    slow = {"type": "network-latency", "target": "desk->db", "at": "40s", "for": "20s"}
    (use,) = scenario(tmp_path, faults=[slow]).scenario.faults
    fault = true_fault(use.with_parameters(Plugin()), (40.0, 60.0), [])
    assert fault.parameters == {"columns": ["a", "b"], "since": "2026-01-31"}


def test_decoys_are_written_as_the_scenario_has_them(tmp_path: Path) -> None:
    surge = {"type": "traffic-surge", "target": "people", "for": "5s"}
    decoys = [{**surge, "at": "10s"}, {**surge, "at": "20s"}]
    assert true_decoys(scenario(tmp_path, decoys=decoys).scenario) == (
        TrueDecoy("d1", "traffic-surge", "people", 10.0),
        TrueDecoy("d2", "traffic-surge", "people", 20.0),
    )


# Controls that are declared degraded.


@pytest.fixture
def declared(tmp_path: Path) -> LoadedScenario:
    return scenario(tmp_path, name="sale", degraded={"element": "model"})


def observed(*alerts: Mapping[str, Any], latency_p95_s: float = 0.1) -> Observed:
    """A recording with these alerts, in which users waited so long in every interval."""
    metrics = pd.DataFrame(
        {
            "time_s": TIMES_S,
            "service.name": "people",
            "peer.service": "desk",
            "metric": "client.request.duration.p95",
            "value": latency_p95_s,
        }
    )
    return Observed({"world": None}, {"metrics": pa.Table.from_pandas(metrics)}, [], list(map(dict, alerts)))


def busy(share: float, element: str = "model") -> SignalTable:
    """Signals in which a component's workers are so busy at their busiest; the first interval is missing."""
    values = np.full(len(TIMES_S), 0.2)
    values[0], values[7] = np.nan, share
    return SignalTable([Series("cpu_utilization_ratio", element, TIMES_S, values)])


def test_where_nothing_is_declared_nothing_is_degraded_whatever_alerts_fired(tmp_path: Path) -> None:
    assert true_degradation(scenario(tmp_path), observed(LATENCY), busy(1.0)) is None


def test_a_degradation_names_the_element_its_users_and_each_slo_that_broke_once(declared: LoadedScenario) -> None:
    again = {**LATENCY, "time_s": 60.0}
    resolved = {"slo": "freshness", "state": "resolved", "time_s": 50.0}
    found = true_degradation(declared, observed(LATENCY, ERRORS, resolved, again), busy(0.95))
    assert found == TrueDegradation("model", "people", ("latency", "availability"))


def test_a_component_is_saturated_from_nine_tenths_of_its_workers_on(declared: LoadedScenario) -> None:
    assert true_degradation(declared, observed(LATENCY), busy(0.9)) is not None
    with pytest.raises(RunAbortedError) as refused:
        true_degradation(declared, observed(LATENCY), busy(0.89))
    assert str(refused.value) == (
        "sale: declared degraded at 'model', whose workers were busy 89% at most, expected at least 90%. "
        "Name the component that is saturated, or raise the load."
    )


def test_how_busy_a_component_was_is_checked_only_where_it_is_known(declared: LoadedScenario) -> None:
    assert true_degradation(declared, observed(LATENCY)) is not None
    assert true_degradation(declared, observed(LATENCY), busy(0.1, element="db")) is not None


def test_where_people_do_other_things_than_usual_nothing_has_to_be_busy(tmp_path: Path) -> None:
    declared = scenario(tmp_path, name="wave", degraded={"element": "people"})
    found = true_degradation(declared, observed(LATENCY), busy(0.3))
    assert found == TrueDegradation("people", "people", ("latency",))
    assert found.answerable == {"people"}
    with pytest.raises(RunAbortedError, match="its load broke no SLO"):
        true_degradation(declared, observed(), busy(0.3))


def test_a_load_that_broke_nothing_is_told_how_near_it_came(declared: LoadedScenario) -> None:
    with pytest.raises(RunAbortedError) as refused:
        true_degradation(declared, observed({**LATENCY, "state": "resolved"}), busy(0.62))
    assert str(refused.value) == (
        "sale: declared degraded, but its load broke no SLO, so nothing is degraded. Reached: "
        "latency (latency_p95_s) 0.1 at worst, alerts above 0.15 for 30 s, was there for 0 s. "
        "The workers of 'model' were busy 62% at most. Raise the load or let it last longer, or remove `degraded`."
    )


def test_what_is_not_known_of_how_near_it_came_is_left_out(declared: LoadedScenario) -> None:
    nothing = Observed({"world": None}, {}, [], [])
    with pytest.raises(RunAbortedError) as refused:
        true_degradation(declared, nothing)
    assert str(refused.value) == (
        "sale: declared degraded, but its load broke no SLO, so nothing is degraded. "
        "Raise the load or let it last longer, or remove `degraded`."
    )


def test_an_slo_with_a_lower_limit_is_told_by_that_limit_and_several_are_told_apart(tmp_path: Path) -> None:
    own = tmp_path / "own.system.yaml"
    shipped = Path(BOOKINGS).read_text(encoding="utf-8")
    own.write_text(shipped.replace("sli: error_ratio, above: 2%", "sli: availability, below: 98%"), encoding="utf-8")
    declared = scenario(tmp_path, name="sale", system=str(own), degraded={"element": "model"})
    requests = pd.DataFrame(
        [
            {"time_s": time_s, "service.name": "people", "peer.service": "desk", "metric": f"client.{name}.count",
             "value": count}
            for time_s in TIMES_S
            for name, count in (("request", 1000.0), ("error", 50.0 if time_s > 60 else 5.0))
        ]
    )  # fmt: skip
    waited = observed(latency_p95_s=0.2).frame("metrics")
    both = pa.Table.from_pandas(pd.concat([waited, requests], ignore_index=True))
    with pytest.raises(RunAbortedError) as refused:
        true_degradation(declared, Observed({"world": None}, {"metrics": both}, [], []))
    told = str(refused.value)
    assert "latency (latency_p95_s) 0.2 at worst, alerts above 0.15 for 30 s, was there for 95 s" in told
    assert "availability (availability) 0.95 at worst, alerts below 0.98 for 30 s, was there for " in told

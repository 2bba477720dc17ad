"""The floor of fixed limits: it blames the first broken limit of its list, says when, and is quiet when none is."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import numpy as np
import pytest

from lab.contracts import Boundary, Diagnosis, Verdict
from lab.engines.naive_thresholds import LIMITS, USUAL_INTERVALS, _broken, diagnose, limits_of
from lab.registration.clock import SystemClock
from lab.registration.signals import Limit
from lab.signals import Series, load_signals
from lab.signals.catalogue import CORE, catalogue_of
from lab.systems.topology import ComponentKind
from tests.sim_runs import DECOYS, FAULTS, observe, scenario

AT_S = 65


def answer(folder: Path, *faults: str) -> Diagnosis:
    uses = [{**FAULTS[name], "at": f"{AT_S}s", "for": "40s"} for name in faults]
    decoys = [{**DECOYS["deploy"], "at": "20s"}]
    loaded = scenario(folder, observability="usual", duration_s=130, rate_per_s=30, faults=uses, decoys=decoys)
    observe(loaded).write(folder / "observed")
    return diagnose(folder / "observed")


@pytest.mark.parametrize(
    ("fault", "culprit"),
    [("network-partition", "features->db"), ("schema-corruption renames", "db"), ("cpu-throttle", "model")],
)
def test_it_blames_the_broken_limit_and_says_when(tmp_path: Path, fault: str, culprit: str) -> None:
    first = answer(tmp_path, fault).findings[0]
    assert (first.culprit, first.kind) == (culprit, FAULTS[fault]["type"])
    assert first.onset_s == pytest.approx(AT_S, abs=15)
    [evidence] = first.evidence
    series = load_signals(tmp_path / "observed").get(evidence.signal, evidence.subject)
    assert series is not None


def test_it_is_quiet_when_nothing_is_wrong(tmp_path: Path) -> None:
    assert answer(tmp_path) == Diagnosis(Verdict.HEALTHY)


@pytest.mark.parametrize("wander", [0.0, 2.0])
def test_a_change_within_what_a_signal_wandered_by_at_first_breaks_no_limit(wander: float) -> None:
    """Analysts close three cases in an interval: the mean of their work is twice as long in the next one."""
    times = np.arange(1, 41) * 5.0
    values = np.full(40, 3.0)
    values[USUAL_INTERVALS // 2] += wander
    values[20:30] += 2.5
    limit = Limit(1, "busy_time_mean_s", 0.5, "cpu-throttle", Boundary.RESOURCE, times=0.4)
    series = Series("busy_time_mean_s", "analysts", times, values)
    found = _broken(series, limit, SystemClock(5.0, {}))
    assert found == (None if wander else 20)


def test_the_one_higher_up_in_the_list_is_blamed_first(tmp_path: Path) -> None:
    findings = answer(tmp_path, "network-partition", "schema-corruption nulls, mild").findings
    assert [f.kind for f in findings[:2]] == ["schema-corruption", "network-partition"]
    assert findings[0].confidence > findings[1].confidence


def test_limits_are_for_signals_of_the_catalogue_and_kinds_of_elements_alone() -> None:
    kinds = set(get_args(ComponentKind))
    for limits, signals in ((LIMITS, CORE), (limits_of("shop"), catalogue_of("shop"))):
        for limit in limits:
            assert limit.signal in signals
            assert set(limit.of) <= kinds

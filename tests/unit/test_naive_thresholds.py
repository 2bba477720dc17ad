"""The floor of fixed limits: it blames the first broken limit of its list, says when, and is quiet when none is."""

from __future__ import annotations

from pathlib import Path
from typing import get_args

import pytest

from lab.contracts import Diagnosis, Verdict
from lab.engines.naive_thresholds import LIMITS, diagnose, limits_of
from lab.signals import load_signals
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

"""A pool that shrank is found behind what it does to users, and told from a database that is slow for all."""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from lab.contracts import Verdict
from lab.engines.rules import diagnose
from lab.errors import UserError
from lab.runs.runner import run_scenario
from lab.scenario import load_scenario
from tests.cli_cases import lab
from tests.simulated import BUSY, OF_POOLS, THREADS, Use, scenario, text

AT_S, FOR_S, LENGTH_S, RATE_PER_S = 80, 100, 240, 150
CASES: Mapping[str, Use] = {
    **OF_POOLS,
    "pool-shrunk of threads at the front": {
        "type": "pool-shrunk", "target": "front", "with": {"pool": "workers", "size": 3},
    },
    "pool-shrunk where nobody may wait": {
        "type": "pool-shrunk", "target": "prices", "with": {"pool": "db", "size": 1}
    },
    # The same pool is used up, and nobody shrank it.
    "slow-query": {"type": "slow-query", "target": "db", "with": {"delay": "80ms"}},
    "slow-query, mild": {"type": "slow-query", "target": "db", "with": {"delay": "15ms"}},
    "cpu-throttle of the database": {"type": "cpu-throttle", "target": "db", "with": {"cpu": "12%"}},
    "cpu-throttle of who has the pool": {"type": "cpu-throttle", "target": "orders", "with": {"cpu": "12%"}},
    "latency on the way": {"type": "network-latency", "target": "orders->db", "with": {"latency": "90ms"}},
    "connections that hang": {"type": "network-partition", "target": "orders->db"},
}  # fmt: skip
SURGE: Use = {"type": "traffic-surge", "target": "people", "at": "80s", "with": {"rate": "250/s"}}
ALIKE = {"pool-shrunk of connections", "slow-query"}


def run(folder: Path, seed: int, *, faults: Any = (), decoys: Any = ()) -> Any:
    faults = [{**use, "at": f"{AT_S}s", "for": f"{FOR_S}s"} for use in faults]
    loaded = scenario(
        folder, observability="usual", system=THREADS, duration_s=LENGTH_S, rate_per_s=RATE_PER_S, faults=faults,
        decoys=decoys,
    )  # fmt: skip
    return run_scenario(loaded, seed, folder / "runs")


def check(folder: Path, name: str, seed: int) -> Any:
    """The answer, whose first finding is right."""
    recorded = run(folder, seed, faults=[CASES[name]])
    assert all(fault.witnessed for fault in recorded.truth().faults)
    answer = diagnose(recorded.observed)
    assert answer.verdict == Verdict.FAULT
    found = [(one.kind, one.culprit) for one in answer.findings]
    assert found == [(CASES[name]["type"], CASES[name]["target"])]
    assert abs(float(answer.findings[0].onset_s or 0) - AT_S) <= 15
    return answer


@pytest.mark.parametrize("name", sorted(ALIKE))
def test_one_pool_used_up_for_two_reasons_and_each_is_told(tmp_path: Path, name: str) -> None:
    said = " ".join(check(tmp_path, name, 1).findings[0].why)
    # The way of it is the same: calls find no connection, threads wait, and the front turns people away.
    assert "workers of orders were in use instead of" in said
    assert "front turned away" in said
    assert ("its pool is smaller than it was" in said) == (name != "slow-query")
    assert ("db takes" in said) == (name == "slow-query")


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("name", CASES)
def test_what_uses_up_a_pool_is_found(tmp_path: Path, name: str, seed: int) -> None:
    check(tmp_path, name, seed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3])
@pytest.mark.parametrize("decoys", [[], [SURGE]])
def test_pools_that_more_requests_fill_are_nobodys_fault(tmp_path: Path, seed: int, decoys: Any) -> None:
    assert diagnose(run(tmp_path, seed, decoys=decoys).observed).verdict == Verdict.HEALTHY


NEARLY_FULL: Mapping[str, Use] = {
    "threads that are waited for": {"target": "waiting", "with": {"pool": "workers", "size": 6}},
    "threads that nobody may wait for": {"target": "hasty", "with": {"pool": "workers", "size": 6}},
    "connections that are waited for": {"target": "front", "with": {"pool": "prices", "size": 6}},
    "connections that nobody may wait for": {"target": "front", "with": {"pool": "stock", "size": 6}},
}


def at_capacity(folder: Path, seed: int, **uses: Any) -> Any:
    loaded = scenario(folder, observability="usual", system=BUSY, duration_s=420, rate_per_s=100, **uses)
    return diagnose(run_scenario(loaded, seed, folder / "runs").observed)


@pytest.mark.slow
@pytest.mark.parametrize("seed", [1, 2, 3, 11])
def test_pools_that_are_nearly_full_every_day_have_not_shrunk(tmp_path: Path, seed: int) -> None:
    """They wait and turn away now and then, as queues do near what they can serve: more, when a few more come."""
    assert at_capacity(tmp_path, seed).verdict == Verdict.HEALTHY


@pytest.mark.slow
@pytest.mark.parametrize("name", NEARLY_FULL)
def test_pools_that_are_nearly_full_every_day_are_seen_to_shrink(tmp_path: Path, name: str) -> None:
    fault: Use = {"type": "pool-shrunk", "at": "200s", "for": "120s", **NEARLY_FULL[name]}
    answer = at_capacity(tmp_path, 1, faults=[fault])
    assert [(one.kind, one.culprit) for one in answer.findings] == [("pool-shrunk", fault["target"])]


def test_the_case_is_graded_right_from_end_to_end(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = tmp_path / "shrunk.scenario.yaml"
    fault = {**OF_POOLS["pool-shrunk of connections"], "at": f"{AT_S}s", "for": f"{FOR_S}s"}
    path.write_text(text(name="shrunk", system=THREADS, duration_s=LENGTH_S, rate_per_s=RATE_PER_S, faults=[fault]))
    assert lab("run", path, "--engine", "rules", "--runs-dir", tmp_path / "runs", "--no-report", "--json") == 0
    (case,) = json.loads(capsys.readouterr().out)["cases"]
    assert {grade["grader"]: grade["outcome"] for grade in case["grades"] if grade["outcome"] != "pass"} == {}


def problems(folder: Path, system: str, target: str, given: Mapping[str, Any], kind: str = "pool-shrunk") -> str:
    path = folder / "bad.scenario.yaml"
    fault = {"type": kind, "target": target, "at": "20s", "for": "30s", "with": given}
    path.write_text(text(name="bad", system=system, faults=[fault]))
    with pytest.raises(UserError) as caught:
        load_scenario(path)
    return str(caught.value)


@pytest.mark.parametrize(
    ("target", "given", "said"),
    [
        ("prices", {"pool": "workers"}, "'prices' has no pool 'workers'"),
        ("orders", {"pool": "dbb"}, "did you mean 'db'?"),
        ("orders", {"pool": "db", "size": 10}, "less than 10, the size that it has"),
        ("orders", {"pool": "db", "size": 0}, "expected: at least 1"),
        ("orders", {"pool": "db", "step": "rows_get"}, "no 'step': all steps share one pool"),
        ("db", {}, "'db' has no pool"),
        ("db", {}, "these have pools: "),
    ],
)
def test_a_pool_that_is_not_there_or_does_not_shrink_is_refused(
    tmp_path: Path, target: str, given: Mapping[str, Any], said: str
) -> None:
    assert said in problems(tmp_path, THREADS, target, given)

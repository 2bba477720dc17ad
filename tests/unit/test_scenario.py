"""Scenario files: what a good one becomes, and what is said about bad ones, each problem at its place."""

from __future__ import annotations

import importlib
import pickle
from pathlib import Path

import pytest

from lab.errors import Problem, UserError
from lab.files import finding as scenario_files
from lab.files.finding import shipped_names
from lab.scenario import load_scenario
from lab.systems.files import load_system
from lab.systems.topology import Sampling
from tests.expected_problems import check_expected

for family in ("cpu", "deploy", "network", "schema", "traffic"):
    importlib.import_module(f"injectors.{family}")

BAD = Path(__file__).parent / "bad_scenarios"
CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
GOOD = f"""\
schema_version: 1
name: slow-orders
system: {CHAIN}
duration: 5m
load:
  stages: [{{for: 100s, rate: 50/s}}, {{for: 200s, rate: 4800/m}}]
faults:
  - {{id: f1, type: network-partition, target: front->orders, at: 120s, for: 60s, with: {{fraction: 30%}}}}
  - {{id: f2, type: network-partition, target: front->orders, at: 180s, for: 60s}}
decoys:
  - {{id: d1, type: traffic-surge, target: people, at: 100s}}
steady_state:
  - {{sli: latency_p95_s, below: 250ms}}
safety: {{max_duration: 15m, stop_when: [{{sli: error_ratio, above: 50%, for: 30s}}]}}
"""


def write(directory: Path, text: str = GOOD) -> Path:
    path = directory / "s.scenario.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(UserError) as caught:
        load_scenario(path)
    return caught.value.problems


def test_a_good_scenario_has_seconds_ratios_and_rates(tmp_path: Path) -> None:
    loaded = load_scenario(write(tmp_path))
    scenario = loaded.scenario
    assert loaded.text == GOOD
    assert loaded.system.name == "chain"
    assert (scenario.duration_s, scenario.seed, scenario.grading.top_k) == (300.0, 0, 3)
    assert [(stage.for_s, stage.rate_per_s) for stage in scenario.load.stages] == [(100.0, 50.0), (200.0, 80.0)]
    assert scenario.load is not None
    assert (scenario.load.duration_s, scenario.requests) == (300.0, 21_000.0)
    assert (scenario.faults[0].at_s, scenario.faults[0].for_s) == (120.0, 60.0)
    assert scenario.decoys[0].for_s is None
    assert scenario.steady_state[0].below == 0.25
    assert (scenario.safety.max_duration_s, scenario.safety.stop_when[0].for_s) == (900.0, 30.0)


def test_parameters_of_a_loaded_scenario_are_validated_and_complete(tmp_path: Path) -> None:
    scenario = load_scenario(write(tmp_path)).scenario
    assert dict(scenario.faults[0].parameters) == {"direction": "both", "fraction": 0.3}
    assert dict(scenario.faults[1].parameters) == {"direction": "both", "fraction": 1.0}
    assert dict(scenario.decoys[0].parameters) == {"rate": 25.0}


def test_a_loaded_scenario_can_be_sent_to_another_process(tmp_path: Path) -> None:
    loaded = load_scenario(write(tmp_path))
    sent = pickle.loads(pickle.dumps(loaded))
    assert sent == loaded
    assert type(sent.scenario.faults[0].parameters) is type(loaded.scenario.faults[0].parameters)


def test_a_scenario_without_faults_is_a_control(tmp_path: Path) -> None:
    control = GOOD.split("faults:", maxsplit=1)[0]
    assert load_scenario(write(tmp_path, control)).scenario.faults == ()


def test_windows_may_touch_and_other_links_may_overlap(tmp_path: Path) -> None:
    elsewhere = GOOD.replace(
        "id: f2, type: network-partition, target: front->orders, at: 180s",
        "id: f2, type: network-partition, target: orders->db, at: 130s",
    )
    assert len(load_scenario(write(tmp_path)).scenario.faults) == 2
    assert len(load_scenario(write(tmp_path, elsewhere)).scenario.faults) == 2


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.name.split(".")[0])
def test_a_broken_scenario_gets_exactly_the_problems_its_first_lines_expect(path: Path) -> None:
    check_expected(path, problems(path))


def test_problems_of_the_system_file_are_reported_with_those_of_the_scenario(tmp_path: Path) -> None:
    (tmp_path / "odd.system.yaml").write_text(
        CHAIN.read_text(encoding="utf-8").replace("kind: database", "kind: databse")
    )
    path = write(tmp_path, GOOD.replace(str(CHAIN), "odd.system.yaml").replace("at: 120s", "at: 120"))
    where = {(Path(problem.file).name, problem.what) for problem in problems(path)}
    assert where == {("s.scenario.yaml", "bad value for 'at'"), ("odd.system.yaml", "bad value for 'kind'")}


def test_shipped_scenarios_are_found_by_name(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "stores").mkdir()
    write(tmp_path / "stores").rename(tmp_path / "stores" / "slow-orders.scenario.yaml")
    monkeypatch.setattr(scenario_files, "shipped_directory", lambda: tmp_path)
    assert list(shipped_names(".scenario.yaml")) == ["stores/slow-orders"]
    assert load_scenario("stores/slow-orders").scenario.name == "slow-orders"
    with pytest.raises(UserError, match=r"(?s)unknown scenario 'stores/slow-order'.*did you mean 'stores/slow-orders'"):
        load_scenario("stores/slow-order")


def test_a_directory_is_not_a_scenario(tmp_path: Path) -> None:
    with pytest.raises(UserError, match="this is a directory"):
        load_scenario(str(tmp_path))


def test_a_scenario_lasts_at_least_two_scrapes_of_its_system(tmp_path: Path) -> None:
    rare = CHAIN.read_text(encoding="utf-8").replace("name: chain", "name: chain\nobserve: {scrape_interval: 151s}")
    (tmp_path / "rare.system.yaml").write_text(rare, encoding="utf-8")
    (problem,) = problems(write(tmp_path, GOOD.replace(str(CHAIN), "rare.system.yaml")))
    assert problem.what == "the duration is shorter than two scrape intervals of system 'chain'"
    assert (problem.line, problem.seen, problem.expected) == (4, "5m", "at least 302s")


def test_a_scenario_of_days_says_how_it_is_observed_where_it_differs_from_its_system(tmp_path: Path) -> None:
    system = CHAIN.read_text(encoding="utf-8").replace(
        "name: chain", "name: chain\nobserve: {scrape_interval: 10s, sampling: {traces: 50%, slow: 1s}}"
    )
    (tmp_path / "days.system.yaml").write_text(system, encoding="utf-8")
    text = """\
schema_version: 1
name: two-days
system: days.system.yaml
duration: 48h
observe: {sampling: {traces: 2%, records: 10%}}
load: {stages: [{for: 48h, rate: 10/s}]}
grading: {onset_within: 30h}
"""
    loaded = load_scenario(write(tmp_path, text))
    assert loaded.scenario.duration_s == loaded.scenario.load.duration_s == 172_800
    assert loaded.system.scrape_interval_s == 10
    assert loaded.system.observe.sampling == Sampling(traces=0.02, records=0.1)
    assert load_scenario(write(tmp_path, text.replace("observe", "# observe"))).system.observe.sampling == Sampling(
        traces=0.5, slow="1s"
    )


def test_a_file_of_another_kind_is_called_what_it_is() -> None:
    with pytest.raises(UserError, match="this is a system file, not a scenario"):
        load_scenario(str(CHAIN))


def test_systems_are_found_by_name_and_by_path() -> None:
    assert load_system(str(CHAIN)).entry == "front"
    assert load_system("chain.system.yaml", CHAIN.parent).name == "chain"

"""Suite files: which runs they stand for, what thresholds mean, and problems at their place."""

from __future__ import annotations

import importlib
from pathlib import Path
from typing import Any

import pytest

from lab.errors import UserError
from lab.runs.suite import METRICS, Threshold, expand_seeds, load_suite, parse_threshold

importlib.import_module("injectors.network")

CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
SUITE = """\
schema_version: 1
name: small
scenarios: [one.scenario.yaml, deeper/two.scenario.yaml]
seeds: {from: 5, count: 3}
engines: [rules, chance]
thresholds: [culprit_top1 >= 0.85, rules.false_alarm_ratio <= 5%]
"""


@pytest.fixture
def directory(tmp_path: Path) -> Path:
    (tmp_path / "deeper").mkdir()
    for name, path in (("one", tmp_path), ("two", tmp_path / "deeper")):
        lines = ["schema_version: 1", f"name: {name}", f"system: {CHAIN}", "duration: 60s"]
        (path / f"{name}.scenario.yaml").write_text("\n".join([*lines, "load: {stages: [{for: 60s, rate: 5/s}]}", ""]))
    return tmp_path


def write(directory: Path, text: str) -> Path:
    path = directory / "small.suite.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def complaints(directory: Path, text: str) -> list[tuple[int, int, str]]:
    with pytest.raises(UserError) as caught:
        load_suite(write(directory, text))
    return [(problem.line, problem.column, problem.what) for problem in caught.value.problems]


def test_a_suite_loads_its_scenarios_relative_to_itself(directory: Path) -> None:
    loaded = load_suite(write(directory, SUITE))
    assert [scenario.scenario.name for scenario in loaded.scenarios] == ["one", "two"]
    assert loaded.suite.seeds == (5, 6, 7)
    assert loaded.suite.engines == ("rules", "chance")
    assert loaded.suite.thresholds == (
        Threshold(None, "culprit_top1", ">=", 0.85),
        Threshold("rules", "false_alarm_ratio", "<=", 0.05),
    )
    assert loaded.text == SUITE


def test_only_scenarios_are_required(directory: Path) -> None:
    suite = load_suite(write(directory, "schema_version: 1\nname: s\nscenarios: [one.scenario.yaml]\n")).suite
    assert (suite.seeds, suite.engines, suite.thresholds) == ((), ("rules",), ())


@pytest.mark.parametrize(
    ("text", "meant"),
    [
        ("culprit_top1 >= 0.85", Threshold(None, "culprit_top1", ">=", 0.85)),
        ("false_alarm_ratio<=5%", Threshold(None, "false_alarm_ratio", "<=", 0.05)),
        ("loudest-anomaly.kind < 0.5", Threshold("loudest-anomaly", "kind", "<", 0.5)),
        ("onset > 0", Threshold(None, "onset", ">", 0.0)),
    ],
)
def test_thresholds_are_read(text: str, meant: Threshold) -> None:
    assert parse_threshold(text) == meant
    assert parse_threshold(str(meant)) == meant


@pytest.mark.parametrize("metric", METRICS)
def test_every_metric_can_have_a_threshold(metric: str) -> None:
    assert parse_threshold(f"{metric} >= 0.5").metric == metric


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("culprit_top1 => 0.85", "expected a metric, one of >= <= > <"),
        ("culprit_top1 >= 85", "expected a share"),
        ("culprit_top1 >= 1.2.3", "expected a share"),
        ("culprit_topl >= 0.85", "unknown metric 'culprit_topl'; did you mean 'culprit_top1'?"),
        ("rules. >= 0.85", "expected a metric"),
        (0.85, "expected a metric"),
    ],
)
def test_bad_thresholds_are_refused(text: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message.replace("?", r"\?")):
        parse_threshold(text)


@pytest.mark.parametrize(
    ("op", "below", "at", "above"),
    [(">=", False, True, True), (">", False, False, True), ("<=", True, True, False), ("<", True, False, False)],
)
def test_a_threshold_holds_on_its_side(op: Any, below: bool, at: bool, above: bool) -> None:
    threshold = Threshold(None, "kind", op, 0.5)
    assert (threshold.holds(0.4), threshold.holds(0.5), threshold.holds(0.6)) == (below, at, above)


@pytest.mark.parametrize(
    "value",
    [7, [], [1.5], [True], ["1"], [-1], [1, 1], {"from": 1}, {"from": 1, "count": 0}, {"from": 1, "count": 10**9}],
)
def test_bad_seeds_are_refused(value: Any) -> None:
    with pytest.raises(ValueError, match="expected"):
        expand_seeds(value)


def test_seeds_may_be_listed() -> None:
    assert expand_seeds([3, 1, 2]) == (3, 1, 2)


def test_all_problems_of_a_suite_come_at_once_with_their_places(directory: Path) -> None:
    text = SUITE.replace("deeper/two.", "deeper/tow.").replace("count: 3", "cuont: 3").replace("0.85", "85")
    assert complaints(directory, text + "titel: x\n") == [
        (3, 32, f"no such file: {directory / 'deeper' / 'tow.scenario.yaml'}"),
        (4, 8, "bad value for 'seeds'"),
        (6, 14, "bad entry in 'thresholds'"),
        (7, 1, "unknown key 'titel'"),
    ]


def test_a_threshold_on_an_engine_that_does_not_run(directory: Path) -> None:
    text = SUITE.replace("rules.false", "rulse.false")
    assert complaints(directory, text) == [(6, 36, "engine 'rulse' is not in this suite")]


def test_a_scenario_listed_twice(directory: Path) -> None:
    text = SUITE.replace("deeper/two", "deeper/../one")
    assert complaints(directory, text) == [(3, 32, "scenario 'one' is listed twice")]


def test_problems_inside_a_scenario_keep_their_own_place(directory: Path) -> None:
    path = directory / "one.scenario.yaml"
    path.write_text(path.read_text().replace("5/s", "5"))
    assert complaints(directory, SUITE) == [(5, 34, "bad value for 'rate'")]


def test_an_unknown_suite_name() -> None:
    with pytest.raises(UserError, match="unknown suite 'no-such-suite'"):
        load_suite("no-such-suite")


def test_impossible_engines_are_problems_of_the_suite_beside_its_others(directory: Path) -> None:
    engines = '[rulez, "cmd:", "http://", "ftp://x", "cmd:\'open", "http://[::1", rules, "cmd:true"]'
    with pytest.raises(UserError) as caught:
        load_suite(write(directory, SUITE.replace("[rules, chance]", engines).replace("0.85", "85")))
    found = [(problem.line, problem.column, problem.what) for problem in caught.value.problems]
    assert [(line, column) for line, column, _ in found] == [
        (5, 11), (5, 18), (5, 26), (5, 37), (5, 48), (5, 61), (6, 14),
    ]  # fmt: skip
    assert found[0][2] == "unknown engine 'rulez'"
    assert caught.value.problems[0].hint == "did you mean 'rules'?"
    assert "bad entry in 'thresholds'" in found[-1][2]

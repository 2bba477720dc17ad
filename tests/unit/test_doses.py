"""A CPU quota that a component of the stack never feels is refused, with the dose that would show."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from lab.cli import main
from lab.errors import Problem
from lab.scenario import LoadedScenario, load_scenario
from lab.testbeds.stack.cpu_use import (
    FILE,
    CpuUse,
    greatest_rate,
    keep,
    known,
    measure,
    rate_at,
)
from lab.testbeds.stack.doses import too_weak
from lab.testbeds.stack.files import checkout, declared_services
from lab.worlds.decisions.stack import STACK as PAYMENTS
from lab.worlds.shop.stack import STACK
from tests.sim_runs import scenario

CALIBRATED_CPU_S = STACK.cpu_s_per_request
SERVICES = declared_services(checkout(), "recommender")
RATE_PER_S = 50.0
SIX_PERCENT = {"model": CpuUse(0.06 / RATE_PER_S, "measured on this stack by control-quiet")}


def throttled(folder: Path, cpu: str, target: str = "model", rate_per_s: float = RATE_PER_S) -> LoadedScenario:
    fault = {"id": "f1", "type": "cpu-throttle", "target": target, "at": "100s", "for": "100s", "with": {"cpu": cpu}}
    return scenario(folder, duration_s=300, rate_per_s=rate_per_s, faults=[fault])


def weak(loaded: LoadedScenario) -> list[Problem]:
    return list(too_weak(loaded, SERVICES, SIX_PERCENT))


def test_a_quota_of_three_times_what_is_used_cannot_show_and_the_dose_that_would_is_named(tmp_path: Path) -> None:
    (problem,) = weak(throttled(tmp_path, "20%"))
    assert "cannot show on the stack" in problem.what
    assert "leaves 0.2 CPU; model uses 0.06 CPU at 50 requests a second (measured on this stack" in problem.seen
    assert problem.hint.startswith("it would show from cpu: 4% on")


@pytest.mark.parametrize("cpu", ["2%", "4%", "6%"])
def test_a_quota_that_is_felt_is_accepted(tmp_path: Path, cpu: str) -> None:
    assert weak(throttled(tmp_path, cpu)) == []


@pytest.mark.parametrize("cpu", ["7%", "11%"])
def test_a_quota_that_is_greater_than_the_use_is_refused_however_near(tmp_path: Path, cpu: str) -> None:
    assert len(weak(throttled(tmp_path, cpu))) == 1


def test_the_dose_that_is_named_is_accepted(tmp_path: Path) -> None:
    (problem,) = weak(throttled(tmp_path, "60%"))
    named = re.search(r"cpu: ([\d.]+%)", problem.hint)
    assert named is not None
    assert weak(throttled(tmp_path, named[1])) == []


def test_a_component_uses_more_under_more_load(tmp_path: Path) -> None:
    assert weak(throttled(tmp_path, "20%", rate_per_s=40))
    assert weak(throttled(tmp_path, "20%", rate_per_s=200)) == []


def test_a_quota_is_a_share_of_what_the_compose_file_gives(tmp_path: Path) -> None:
    """The cache has half a CPU: a twentieth of it is 0.025."""
    uses = {"cache": CpuUse(0.03 / RATE_PER_S, "measured")}
    assert list(too_weak(throttled(tmp_path, "5%", "cache"), SERVICES, uses)) == []
    (problem,) = too_weak(throttled(tmp_path, "10%", "cache"), SERVICES, uses)
    assert "leaves 0.05 CPU" in problem.seen
    assert "cpu: 4%" in problem.hint


def test_what_uses_next_to_nothing_cannot_be_throttled_at_all(tmp_path: Path) -> None:
    uses = {"model": CpuUse(0.0001 / RATE_PER_S, "measured")}
    (problem,) = too_weak(throttled(tmp_path, "1%"), SERVICES, uses)
    assert "no smaller share can be set" in problem.hint


def test_a_component_of_unknown_cpu_use_is_not_judged(tmp_path: Path) -> None:
    assert list(too_weak(throttled(tmp_path, "20%"), SERVICES, {})) == []


@pytest.mark.parametrize("name", ["recommender/cpu-throttle-model", "recommender/cpu-throttle-mild",
                                  "recommender/two-faults", "fraud/slow-cpu-model"])  # fmt: skip
def test_shipped_scenarios_that_cannot_show_are_refused_before_anything_starts(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_STATE_DIR", str(tmp_path))
    for command in ("plan", "run"):
        assert main([command, name, "--testbed", "stack", "--time-scale", "5"]) == 2
        assert "would show from cpu: " in capsys.readouterr().err
    assert main(["plan", name, "--testbed", "sim"]) == 0


def samples(component: str, busy: float, until_s: float = 100.0) -> list[tuple[float, str, str, float]]:
    ends_s = [5.0 * number for number in range(1, round(until_s / 5) + 1)]
    utilization = [(end_s, component, "process.cpu.utilization", busy) for end_s in ends_s]
    return [*utilization, *((end_s, component, "process.cpu.throttled.ratio", 0.9) for end_s in ends_s)]


def test_cpu_is_measured_per_request_before_anything_is_changed(tmp_path: Path) -> None:
    loaded = throttled(tmp_path, "20%")
    workers = loaded.system.components["model"].workers
    disturbed = [(end_s, "model", "process.cpu.utilization", 1.0) for end_s in (105.0, 150.0)]
    warming_up = [(0.0, "model", "process.cpu.utilization", 1.0)]
    found = measure(loaded, [*warming_up, *samples("model", 0.02), *disturbed])
    assert found == {"model": pytest.approx(0.02 * workers / RATE_PER_S)}
    assert measure(loaded, samples("model", 0.02, until_s=10.0)) == {}, "two intervals are too few"


def test_what_a_run_measured_is_known_afterwards_for_its_model_server_only(tmp_path: Path) -> None:
    loaded = throttled(tmp_path, "20%")
    before = known(tmp_path, "lab", CALIBRATED_CPU_S)
    assert {name: use.per_request_s for name, use in before.items()} == CALIBRATED_CPU_S
    assert all("docs/stack.md" in use.source for use in before.values())
    keep(tmp_path, "lab", loaded, samples("model", 0.03))
    keep(tmp_path, "lab", loaded, samples("rules", 0.01))
    found = known(tmp_path, "lab", CALIBRATED_CPU_S)
    workers = loaded.system.components["model"].workers
    assert found["model"].per_request_s == pytest.approx(0.03 * workers / RATE_PER_S)
    assert f"measured on this stack by {loaded.scenario.name}" in found["rules"].source
    assert found["db"] == before["db"]
    assert known(tmp_path, "tensorflow", CALIBRATED_CPU_S) == before


@pytest.mark.parametrize("content", ["", "{", "[]", '{"figures": {"lab": {"model": {"per_request_s": -1}}}}'])
def test_a_file_that_is_not_whole_knows_nothing(tmp_path: Path, content: str) -> None:
    (tmp_path / FILE).write_text(content, encoding="utf-8")
    assert known(tmp_path, "lab", CALIBRATED_CPU_S) == known(tmp_path / "nowhere", "lab", CALIBRATED_CPU_S)
    keep(tmp_path, "lab", throttled(tmp_path, "20%"), samples("model", 0.03))
    assert known(tmp_path, "lab", CALIBRATED_CPU_S) != known(tmp_path / "nowhere", "lab", CALIBRATED_CPU_S)


def test_the_rate_is_that_of_the_stage(tmp_path: Path) -> None:
    sale = load_scenario("recommender/control-flash-sale").scenario
    rates = [stage.rate_per_s for stage in sale.load.stages]
    first_s = sale.load.stages[0].for_s
    assert (rate_at(sale, first_s - 1), rate_at(sale, first_s + 1)) == (rates[0], rates[1])
    assert greatest_rate(sale, 0.0, first_s) == rates[0]
    assert greatest_rate(sale, 0.0, sale.duration_s) == max(rates)


def test_the_documentation_has_the_calibration(tmp_path: Path) -> None:
    text = (checkout() / "docs" / "stack.md").read_text(encoding="utf-8")
    lines = text.splitlines()
    head = next(number for number, line in enumerate(lines) if line.startswith("| CPU per request of a user"))
    names, *rows = ([cell.strip() for cell in lines[at].strip("|").split("|")] for at in (head, head + 2, head + 3))
    for part, row in zip((STACK, PAYMENTS), rows, strict=True):
        assert row[0].startswith(part.system)
        written = {name: float(ms) / 1e3 for name, ms in zip(names[1:], row[1:], strict=True) if ms != "–"}
        assert written == pytest.approx(part.cpu_s_per_request)

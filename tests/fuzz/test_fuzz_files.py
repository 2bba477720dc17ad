"""Whatever is in a scenario, suite, system or rules file, the lab says what is wrong with it and never breaks."""

from __future__ import annotations

import functools
import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import UserError
from lab.files.yamlsource import read_yaml
from lab.scenario import load_scenario
from tests.fuzz_mutations import changed, changes, edited, edits, fuzzing, run_lab
from tests.unit.test_yamlsource import read_both_ways

ROOT = Path(__file__).parents[2]
CHAIN = ROOT / "tests" / "systems" / "chain.system.yaml"
SCENARIOS = sorted((ROOT / "scenarios").rglob("*.scenario.yaml"))
SUITES = sorted((ROOT / "scenarios").rglob("*.suite.yaml"))
SYSTEMS = [CHAIN, *sorted((ROOT / "lab" / "systems").glob("*.system.yaml"))]
RULES = ROOT / "lab" / "engines" / "rules" / "rules.yaml"
SMALL = {
    "schema_version": 1, "name": "small", "system": "chain.system.yaml", "seed": 3, "duration": "30s",
    "load": {"stages": [{"for": "20s", "rate": "5/s"}, {"for": "10s", "rate": "3/s"}]},
    "faults": [
        {
            "id": "f1", "type": "network-latency", "target": "front->orders", "at": "10s", "for": "5s",
            "with": {"latency": "50ms"},
        },
    ],
    "decoys": [
        {"id": "d1", "type": "traffic-surge", "target": "people", "at": "22s", "for": "3s", "with": {"rate": "2/s"}},
    ],
    "steady_state": [{"sli": "error_ratio", "below": "50%"}],
    "grading": {"top_k": 2, "onset_within": "10s"},
    "safety": {"max_duration": "5m", "stop_when": [{"sli": "error_ratio", "above": "90%", "for": "10s"}]},
}  # fmt: skip
MOST_REQUESTS, MOST_S, MOST_COMPONENTS = 500, 120, 20


pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("fuzz")


@functools.cache
def plain(path: Path) -> Any:
    """A file's content as plain data, of a suite with the first few scenarios."""
    content = dict(read_yaml(path).data)
    if path in SUITES:
        content["scenarios"] = content["scenarios"][:3]
    return content


def write(path: Path, content: Any) -> Path:
    path.write_text(json.dumps(content), encoding="utf-8")
    return path


def small_enough(path: Path) -> bool:
    """Whether a scenario is valid and simulated in a moment: the changes are about files, not about large runs."""
    try:
        loaded = load_scenario(path)
    except UserError:
        return False
    scenario = loaded.scenario
    surges = [getattr(d.parameters, "rate", 0) for d in scenario.decoys]
    rate = max(stage.rate_per_s for stage in scenario.load.stages) + sum(
        r for r in surges if isinstance(r, float | int)
    )
    length_s = scenario.duration_s
    return (
        length_s <= MOST_S
        and rate * length_s <= MOST_REQUESTS
        and len(loaded.system.components) <= MOST_COMPONENTS
        and len(scenario.faults) + len(scenario.decoys) <= 4
    )


@pytest.mark.parametrize("file", [*SCENARIOS[:2], *SUITES, *SYSTEMS], ids=lambda file: file.name)
def test_unchanged_they_are_valid(folder: Path, file: Path) -> None:
    assert run_lab("validate", write(folder / f"x{''.join(file.suffixes[-2:])}", plain(file)))[0] == 0


def test_unchanged_the_small_one_runs(folder: Path) -> None:
    (folder / "chain.system.yaml").write_bytes(CHAIN.read_bytes())
    path = write(folder / "x.scenario.yaml", SMALL)
    assert small_enough(path)
    assert simulated(path, folder / "runs")


@fuzzing(30)
@given(file=st.sampled_from(SCENARIOS), what=changes)
def test_scenarios_of_other_content(folder: Path, file: Path, what: Any) -> None:
    path = write(folder / "x.scenario.yaml", changed(plain(file), what))
    code, _ = run_lab("validate", path)
    assert run_lab("plan", path)[0] in ({0} if code == 0 else {2})


@fuzzing(30)
@given(file=st.sampled_from([*SCENARIOS, *SUITES, *SYSTEMS]), what=edits)
def test_files_of_other_bytes(folder: Path, file: Path, what: Any) -> None:
    suffix = "".join(file.suffixes[-2:])
    path = folder / f"x{suffix}"
    path.write_bytes(edited(file.read_bytes(), what))
    run_lab("validate", path, "--json")


@fuzzing(60)
@given(file=st.sampled_from([*SCENARIOS, *SUITES, *SYSTEMS, RULES]), what=edits)
def test_files_of_other_bytes_read_the_same_where_libyaml_is_missing(file: Path, what: Any) -> None:
    text = edited(file.read_bytes(), what).decode(errors="replace")
    quick, slow = read_both_ways(text)
    assert quick == slow


@fuzzing(20)
@given(file=st.sampled_from(SUITES), what=changes)
def test_suites_of_other_content(folder: Path, file: Path, what: Any) -> None:
    content = changed(plain(file), what)
    run_lab("validate", write(folder / "x.suite.yaml", content))


@fuzzing(30)
@given(file=st.sampled_from(SYSTEMS), what=changes)
def test_systems_of_other_content(folder: Path, file: Path, what: Any) -> None:
    run_lab("validate", write(folder / "x.system.yaml", changed(plain(file), what)))


@fuzzing(30)
@given(what=changes)
def test_rules_of_other_content(folder: Path, what: Any) -> None:
    code, _ = run_lab("validate", write(folder / "x.rules.yaml", changed(plain(RULES), what)))
    assert run_lab("rules", "check", folder / "x.rules.yaml")[0] == code


@fuzzing(30)
@given(what=edits)
def test_rules_of_other_bytes(folder: Path, what: Any) -> None:
    (folder / "x.rules.yaml").write_bytes(edited(RULES.read_bytes(), what))
    run_lab("validate", folder / "x.rules.yaml")


@fuzzing(12)
@given(what=changes)
def test_small_scenarios_of_other_content_run(folder: Path, what: Any) -> None:
    (folder / "chain.system.yaml").write_bytes(CHAIN.read_bytes())
    path = write(folder / "x.scenario.yaml", changed(SMALL, what))
    if small_enough(path):
        simulated(path, folder / "runs")


@fuzzing(12)
@given(what=changes)
def test_systems_of_other_content_run(folder: Path, what: Any) -> None:
    system = write(folder / "other.system.yaml", changed(plain(CHAIN), what))
    content = {**SMALL, "system": system.name, "faults": [], "decoys": []}
    path = write(folder / "y.scenario.yaml", content)
    if small_enough(path):
        simulated(path, folder / "runs")


def simulated(path: Path, runs: Path) -> bool:
    """Whether a scenario left a recording, which is then reported; a run that proves nothing leaves none."""
    from lab.errors import RunAbortedError
    from lab.runs.runner import run_scenario

    loaded = load_scenario(path)
    try:
        made = run_scenario(loaded, loaded.scenario.seed, runs)
    except RunAbortedError:
        return False
    run_lab("report", made.path, "-o", runs / "r.html")
    return True

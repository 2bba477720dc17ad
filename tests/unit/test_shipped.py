"""What comes with the lab, the shop's system and its scenarios: found, tagged, valid, and as the documents say."""

from __future__ import annotations

import json
import re
from pathlib import Path

import jsonschema
import pytest

import lab as python
from lab.cli import main
from lab.docs.schemas import json_text, schemas
from lab.engines.rules.shipped import shipped_tree
from lab.errors import ExitCode, Problem
from lab.files.yamlsource import read_yaml
from lab.scenario import load_scenario
from lab.signals.catalogue import spec_of
from lab.systems.files import load_system, system_names
from tests.cli_cases import lab, run_json
from tests.expected_problems import check_expected
from tests.sim_runs import observe, scenario
from tests.unit.test_system_time import amounts_of

ROOT = Path(__file__).parents[2]


def test_systems_are_found_by_name_and_satisfy_the_schema() -> None:
    assert "recommender" in system_names()
    for name in system_names():
        assert load_system(name).name == name
        data = read_yaml(ROOT / "lab" / "systems" / f"{name}.system.yaml").data
        jsonschema.validate(data, schemas()["system"])


def test_every_shipped_scenario_has_tags_and_controls_say_so(capsys: pytest.CaptureFixture[str]) -> None:
    _, document = run_json(capsys, "list")
    shipped = [one for one in document["scenarios"] if one["reference"].startswith("recommender/")]
    assert len(shipped) > 20
    assert all(one["tags"] for one in shipped)
    assert all(("control" in one["tags"]) == (not one["faults"]) for one in shipped)


def test_the_list_shows_what_is_shipped(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("list", "-k", "two-faults") == ExitCode.OK
    output = capsys.readouterr().out
    assert "recommender/two-faults  A stale cache and a throttled rules API at once" in output
    assert "quiet" not in output


def test_a_suite_that_is_shipped_can_be_planned(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("plan", "recommender", "-k", "partition-mild or control-quiet") == ExitCode.OK
    output = capsys.readouterr().out
    assert "partition-mild: A third of the connections to the model are lost" in output
    assert "control-quiet: Nothing is wrong" in output


@pytest.mark.parametrize("name", ["recomender", "recommender/stale-cash"])
def test_a_name_that_is_nearly_one_that_is_shipped_is_told(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["run", name]) == ExitCode.INVALID
    assert "did you mean 'recommender" in capsys.readouterr().err
    with pytest.raises(python.UserError, match="did you mean"):
        python.run(name)


def test_the_example_of_a_degraded_control_is_the_shipped_one() -> None:
    declared = load_scenario("recommender/control-flash-sale").scenario.degraded
    assert declared is not None
    assert f"degraded: {{element: {declared.element}}}" in (ROOT / "docs" / "grading.md").read_text(encoding="utf-8")


def test_the_engine_contract_names_every_file_that_an_engine_may_see(tmp_path: Path) -> None:
    text = (ROOT / "docs" / "engine-contract.md").read_text(encoding="utf-8")
    table = text.split("## What an engine gets")[1].split("##")[0]
    observe(scenario(tmp_path, duration_s=30, rate_per_s=5)).write(tmp_path / "observed")
    written = (path for path in (tmp_path / "observed").rglob("*") if path.is_file())
    assert set(re.findall(r"^\| `([\w./]+)` \|", table, flags=re.MULTILINE)) == {
        str(path.relative_to(tmp_path / "observed")) for path in written
    }


def test_the_shops_rules_know_only_times_of_networks_and_machines() -> None:
    tree = shipped_tree("shop")
    found = [(signal, noise) for signal, noise in tree.noise.items()]
    found += [pair for cause in tree.causes for pair in amounts_of((*cause.when, *cause.unless))]
    times = [(signal, by) for signal, by in found if spec_of(signal).unit == "s" and not by.unit]
    assert [(signal, by) for signal, by in times if by.value >= 0.01] == []


def test_a_file_may_hold_defaults_for_a_testbed_that_is_not_chosen(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("chaos-lab.toml").write_text("[plan]\ntime-scale = 2.5\n", encoding="utf-8")
    assert lab("plan", "recommender/partition-one-way") == ExitCode.OK
    assert lab("plan", "recommender/partition-one-way", "--testbed", "stack", "--json") == ExitCode.OK
    planned = capsys.readouterr().out.partition("\n{")[2]
    assert json.loads("{" + planned)["testbed_options"]["time_scale"] == 2.5
    monkeypatch.setenv("LAB_PLAN_TIME_SCALE", "3")
    assert lab("plan", "recommender/partition-one-way", "--testbed", "stack", "--json") == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["testbed_options"]["time_scale"] == 3


@pytest.mark.parametrize("kind", ["scenario", "suite", "system"])
def test_the_schema_files_are_current(kind: str) -> None:
    path = ROOT / "docs" / "schema" / f"{kind}.v1.json"
    assert path.read_text(encoding="utf-8") == json_text(schemas()[kind]), "run lab.docs.schemas.write_schemas"


BAD = Path(__file__).parent / "bad_scenarios_of_the_shop"


def problems(path: Path) -> tuple[Problem, ...]:
    with pytest.raises(python.UserError) as caught:
        load_scenario(path)
    return caught.value.problems


@pytest.mark.parametrize("path", sorted(BAD.glob("*.yaml")), ids=lambda path: path.name.split(".")[0])
def test_a_broken_scenario_gets_exactly_the_problems_its_first_lines_expect(path: Path) -> None:
    check_expected(path, problems(path))


def test_a_file_with_many_errors_reports_all_of_them_in_order() -> None:
    found = problems(BAD / "several.scenario.yaml")
    assert len(found) >= 10
    assert list(found) == sorted(found, key=lambda problem: (problem.line, problem.column))

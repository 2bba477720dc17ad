"""Who serves the model on the stack: said on the command line, kept in the recording, seen in what is reported."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from lab.cli import main
from lab.cli.testbed_options import place_words
from lab.contracts import Outcome
from lab.engines.host import EngineHost
from lab.errors import ExitCode, UserError
from lab.judging.assess import assess
from lab.recording.rundir import RunDirectory
from lab.runs.identity import recording_key
from lab.runs.parity import compare
from lab.runs.runner import run_scenario
from lab.scenario import LoadedScenario, load_scenario
from lab.signals import load_signals
from lab.testbeds.installed import choose
from lab.testbeds.stack.model_server import as_reported

SCENARIO = "recommender/partition-one-way"


def official(name: str = SCENARIO) -> LoadedScenario:
    return as_reported(load_scenario(name), "tensorflow")


def test_the_official_server_reports_sums_and_no_spans() -> None:
    loaded = load_scenario(SCENARIO)
    assert as_reported(loaded, "lab") is loaded
    telemetry = {name: component.telemetry for name, component in official().system.components.items()}
    before = {name: component.telemetry for name, component in loaded.system.components.items()}
    assert telemetry == before | {"model": "metrics"}
    assert official().system.links == loaded.system.links


def test_the_command_line_carries_the_choice_and_says_it_again() -> None:
    words = place_words(choose("stack", {"time_scale": 5, "keep": True, "model_server": "tensorflow"}))
    assert words == ["--testbed", "stack", "--time-scale", "5", "--model-server", "tensorflow"]
    assert "--model-server" not in place_words(choose("stack", {"time_scale": 5}))


def test_the_simulator_has_no_choice_of_it(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(UserError, match="testbed 'sim' has no option 'model_server'"):
        choose("sim", {"model_server": "tensorflow"})
    for command in ("run", "plan"):
        assert main([command, SCENARIO, "--model-server", "tensorflow"]) == ExitCode.INVALID
        assert "--testbed stack" in capsys.readouterr().err


def test_the_dry_run_says_which_server_there_will_be(capsys: pytest.CaptureFixture[str]) -> None:
    words = ["plan", SCENARIO, "--testbed", "stack", "--time-scale", "5"]
    assert main([*words, "--model-server", "tensorflow"]) == 0
    assert "on stack --time-scale 5 --model-server tensorflow" in capsys.readouterr().out
    assert main([*words, "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["testbed_options"]["model_server"] == "lab"


def test_recordings_of_either_server_are_not_taken_for_each_other() -> None:
    loaded = load_scenario(SCENARIO)
    chosen = [choose("stack", {"time_scale": 5, "model_server": server}) for server in ("lab", "tensorflow")]
    assert len({recording_key(loaded, 1, one) for one in chosen}) == 2


@pytest.mark.slow
@pytest.mark.parametrize("name", ["deploy-regression", "latency-to-model", "cpu-throttle-model", "control-quiet"])
def test_nobody_is_blamed_because_the_models_spans_are_missing(name: str, tmp_path: Path) -> None:
    """By the simulator, whose model then reports sums only; and parity with a run that has the spans holds."""
    runs: dict[str, RunDirectory] = {}
    with EngineHost() as host:
        for server in ("lab", "tensorflow"):
            loaded = as_reported(load_scenario(f"recommender/{name}"), server)
            runs[server] = run_scenario(loaded, 1, tmp_path)
            assert assess(runs[server], "rules", host).outcome is Outcome.PASS
    signals = load_signals(runs["tensorflow"].observed)
    assert signals.get("own_error_ratio", "model") is None
    assert signals.get("request_transit_p50_s", "features->model") is None
    assert signals.get("arrival_ratio", "model") is not None
    parity = compare(runs["lab"], runs["tensorflow"])
    assert parity.agrees, parity

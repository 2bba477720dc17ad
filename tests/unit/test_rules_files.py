"""Rules as data a user brings: checked before anything runs, used everywhere an engine is, told apart, explained."""

from __future__ import annotations

import json
import os
import re
import shlex
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
from click.testing import CliRunner, Result

from lab.cli import cli
from lab.cli.verdicts import case_text
from lab.contracts import Diagnosis, NotJudged, Truth, Verdict
from lab.docs.schemas import schemas
from lab.engines import check_engine, engine_problems, load_engine
from lab.engines.host import EngineHost
from lab.engines.rules.explain import as_json, lines
from lab.engines.rules.inference import Inference, infer
from lab.engines.rules.shipped import CORE, shipped_text, shipped_tree
from lab.engines.rules.tree import parse_tree
from lab.errors import UserError
from lab.judging.assess import Assessment
from lab.recording.observed import Observed
from lab.runs.runner import run_scenario
from lab.runs.suite import load_suite
from tests.planted import stalled
from tests.sim_runs import observe, scenario

OWN = """\
schema_version: 1
noise: {client_error_ratio: 0.004}
causes:
  - kind: my-outage
    boundary: network
    each: link
    culprit: "{link}"
    confidence: 0.9
    when:
      - {rises: client_error_ratio, of: "{link}", by: 10%}
    because:
      - {moved: client_error_ratio, of: "{link}", says: "calls from {caller} fail: {baseline}, then {observed}"}
""".replace("10%", "0.1")

BROKEN = """\
schema_version: 1
noise: {client_eror_ratio: 0.004}
causes:
  - kind: my-outage
    boundary: netwrk
    each: link
    culprit: "{lnk}"
    confidence: 2
    when:
      - {rises: client_error_ratio, off: "{link}"}
      - {rises: client_error_ratio, falls: error_ratio, of: "{link}"}
      - {steady: row_age_mean_s, of: "{link}"}
    because:
      - {says: "at {column}"}
      - {says: "it is {link.__class__}"}
"""

CUT = {"type": "network-partition", "target": "features->model", "at": "60s", "for": "40s"}


def run(*arguments: Any) -> Result:
    return CliRunner().invoke(cli, [str(argument) for argument in arguments], standalone_mode=False)


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(scenario(tmp_path_factory.mktemp("recorded"), duration_s=150, rate_per_s=10, faults=[CUT]))


@pytest.fixture
def own(tmp_path: Path) -> Path:
    path = tmp_path / "my.rules.yaml"
    path.write_text(OWN, encoding="utf-8")
    return path


def test_a_rules_file_of_ones_own_answers_in_a_process_of_its_own(
    tmp_path: Path, own: Path, recorded: Observed
) -> None:
    recorded.write(tmp_path / "observed")
    with EngineHost() as host:
        answer = host.diagnose(f"rules:{own}", tmp_path / "observed")
        shipped = host.diagnose("rules", tmp_path / "observed")
    [finding] = answer.findings  # type: ignore[union-attr]
    assert (finding.culprit, finding.kind) == ("features->model", "my-outage")
    assert finding.why[0].startswith("calls from features fail: 0 %")
    assert shipped.findings[0].kind == "network-partition"  # type: ignore[union-attr]


def test_every_problem_of_a_rules_file_is_reported_with_its_place(tmp_path: Path) -> None:
    path = tmp_path / "my.rules.yaml"
    path.write_text(BROKEN, encoding="utf-8")
    problems = engine_problems(f"rules:{path}")
    texts = {(one.line, one.column): f"{one.what} {one.expected} {one.hint}" for one in problems}
    assert {line for line, _ in texts} == {2, 5, 7, 8, 10, 11, 12, 14, 15}
    text = "\n".join(texts.values())
    assert "did you mean 'client_error_ratio'?" in text
    assert "did you mean 'network'?" in text
    assert "did you mean 'link'?" in text
    assert "did you mean 'of'?" in text
    assert "exactly one of rises, falls, steady, level, any" in text
    assert "row_age_mean_s is a signal of a component, {link} is a link" in text
    with pytest.raises(UserError):
        check_engine(f"rules:{path}")


@pytest.mark.parametrize(
    ("spec", "says"),
    [("rules:", "names no file"), ("rules:nowhere.rules.yaml", "no such file"), ("rules:.", "this is a directory")],
)
def test_a_missing_rules_file_is_reported_before_the_run(spec: str, says: str) -> None:
    [problem] = engine_problems(spec)
    assert says in problem.what


@pytest.mark.parametrize(
    ("change", "line"),
    [(("rises:", "steady:"), "gives the window"), (('of: "{link}", by: 0.1', "by: 0.1"), "whose client_error_ratio?"),
     (("rises: client_error_ratio", "level: client_error_ratio"), "how high may it be at most?"),
     (("by: 0.1", "by: 0.1, at_most: 0.1"), "`level` and `at_most` go together"),
     (("rises: client_error_ratio", "level: client_error_ratio, at_most: 0.1"), "by: of a change"),
     (('rises: client_error_ratio, of: "{link}", by: 0.1', 'level: client_error_ratio, of: "{link}", at_most: 0.1'),
      "gives the window"),
     (("by: 0.1", "by: -1"), "at least 0"), (("each: link", "each: links"), "each"),
     (("causes:\n", "causes: []\nx:\n"), "1 or more entries")],
)  # fmt: skip
def test_what_can_never_hold_is_refused(change: tuple[str, str], line: str) -> None:
    with pytest.raises(UserError) as refused:
        parse_tree(OWN.replace(*change), "my.rules.yaml")
    assert line in str(refused.value)


def test_lab_validate_and_lab_rules_check_say_the_same(tmp_path: Path, own: Path) -> None:
    broken = tmp_path / "broken.rules.yaml"
    broken.write_text(BROKEN, encoding="utf-8")
    for command in (["validate"], ["rules", "check"]):
        assert run(*command, own, CORE if command != ["validate"] else own).return_value == 0
        result = run(*command, broken)
        assert result.return_value == 2
        assert f"{broken}:5:15" in result.stderr


def test_a_broken_rules_file_stops_a_run_before_anything_is_simulated(tmp_path: Path) -> None:
    broken = tmp_path / "broken.rules.yaml"
    broken.write_text(BROKEN, encoding="utf-8")
    loaded = scenario(tmp_path, duration_s=60, rate_per_s=5)
    with pytest.raises(UserError) as refused:
        CliRunner().invoke(
            cli, ["run", str(loaded.path), "--engine", f"rules:{broken}", "--runs-dir", str(tmp_path / "runs")],
            standalone_mode=False, catch_exceptions=False,
        )  # fmt: skip
    assert len(refused.value.problems) > 5
    assert not (tmp_path / "runs").exists()


def test_two_rules_files_are_distinguished_in_a_campaign(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "my.rules.yaml").write_text(OWN.replace("my-outage", "another-name"), encoding="utf-8")
    loaded = scenario(tmp_path, duration_s=150, rate_per_s=10, faults=[CUT])
    monkeypatch.chdir(tmp_path)
    result = run(
        "run", loaded.path.name, "--engine", "rules:my.rules.yaml", "--engine", "rules:other/my.rules.yaml", "--json",
        "--no-report", "--runs-dir", "runs",
    )  # fmt: skip
    cases = json.loads(result.stdout)["cases"]
    answers = {case["engine"]: case["answer"]["findings"][0]["kind"] for case in cases}
    assert answers == {"rules:my.rules.yaml": "my-outage", "rules:other/my.rules.yaml": "another-name"}
    assert len(list(Path("runs").rglob("diagnosis/*.json"))) == 2


def test_a_suite_names_rules_files_from_beside_it(tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    loaded = scenario(tmp_path, duration_s=60, rate_per_s=5)
    suite = {
        "schema_version": 1, "name": "mine", "scenarios": [loaded.path.name], "engines": ["rules:my.rules.yaml"],
        "thresholds": ["rules:my.rules.yaml.false_alarm_ratio <= 0.1"],
    }  # fmt: skip
    (tmp_path / "mine.suite.yaml").write_text(yaml.safe_dump(suite), encoding="utf-8")
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    monkeypatch.chdir(elsewhere)
    read = load_suite(tmp_path / "mine.suite.yaml").suite
    assert read.engines == (f"rules:{os.path.join('..', 'my.rules.yaml')}",)
    assert read.thresholds[0].engine == read.engines[0]
    check_engine(read.engines[0])
    own.write_text(OWN.replace("boundary: network", "boundary: netwrk"), encoding="utf-8")
    with pytest.raises(UserError) as refused:
        load_suite(tmp_path / "mine.suite.yaml")
    [problem] = refused.value.problems
    assert (problem.line, problem.hint) == (5, "did you mean 'network'?")


def test_the_schema_accepts_the_shipped_file_and_refuses_a_broken_one() -> None:
    validator = jsonschema.Draft202012Validator(schemas()["rules"])
    assert not list(validator.iter_errors(yaml.safe_load(shipped_text("shop"))))
    assert not list(validator.iter_errors(yaml.safe_load(OWN)))
    assert list(validator.iter_errors(yaml.safe_load(BROKEN)))


def test_the_explanation_and_the_answer_come_from_one_evaluation(recorded: Observed) -> None:
    tree = shipped_tree("shop")
    trials = list(Inference(recorded, tree, thorough=True).trials())
    named = [trial for trial in trials if trial.finding]
    assert {trial.finding for trial in named} >= set(infer(recorded, tree).findings)
    for trial in trials:
        document = as_json(trial)
        json.dumps(document, allow_nan=False)
        assert (document["outcome"] == "named") == (trial.finding is not None)
        assert next(iter(lines(trial))).startswith(f"{trial.cause.kind} of {trial.culprit}")


def test_a_cause_that_was_not_named_says_why_with_the_numbers(tmp_path: Path) -> None:
    odd = stalled(observe(scenario(tmp_path, duration_s=300, rate_per_s=10)), 185, {"features->cache": 17})
    odd.write(tmp_path / "observed")
    asked = ("rules", "explain", tmp_path / "observed", "--kind", "network-partition", "--culprit", "features->cache")
    text = run(*asked).stdout
    assert "not named, a condition failed: client_timeout_ratio of features->cache" in text
    assert "rests on one interval alone" in text
    [cause, *_] = json.loads(run(*asked, "--json").stdout)["runs"][0]["causes"]
    first = cause["when"][0]
    assert (first["signal"], first["state"], first["needs"]) == (
        "client_timeout_ratio",
        "failed",
        {"by": 0.04, "z": 5.0},
    )
    [seen] = first["seen"]
    assert seen["short_of"] == ["rests on one interval alone"]
    assert seen["in_window"] > 0.04


def test_an_exception_that_holds_is_reported(recorded: Observed, tmp_path: Path) -> None:
    rules = OWN.replace(
        "    because:", '    unless:\n      - {rises: client_timeout_ratio, of: "{link}"}\n    because:'
    )
    [trial] = [
        trial
        for trial in Inference(recorded, parse_tree(rules, "x"), thorough=True).trials()
        if trial.culprit == "features->model"
    ]
    assert next(iter(lines(trial))).partition("not named, ")[2].startswith("an exception holds: client_timeout_ratio")


@pytest.mark.parametrize(("at_most", "named"), [(10, True), (0.01, False)])
def test_a_level_is_that_in_the_window_whatever_it_is_outside(recorded: Observed, at_most: float, named: bool) -> None:
    level = f'      - {{level: client_error_ratio, of: "{{link}}", at_most: {at_most}}}\n'
    tree = parse_tree(OWN.replace("    because:\n", f"{level}    because:\n", 1), "x")
    [trial] = [one for one in Inference(recorded, tree, thorough=True).trials() if one.culprit == "features->model"]
    assert (trial.finding is not None) == named
    assert as_json(trial)["when"][1]["needs"] == {"at_most": at_most}
    [said] = [line for line in lines(trial) if "client_error_ratio of features->model level" in line]
    assert f"(at most {100 * at_most:.3g} %)" in said
    assert ("needs at most" in " ".join(lines(trial))) != named


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [(("--kind", "network-partiton"), "network-partition"), (("--culprit", "features->mdel"), "features->model"),
     (("--engine", "chance"), "rules:FILE")],
)  # fmt: skip
def test_what_cannot_be_explained_is_an_error(
    recorded: Observed, tmp_path: Path, arguments: tuple[str, str], hint: str
) -> None:
    recorded.write(tmp_path / "observed")
    with pytest.raises(UserError, match=hint):
        CliRunner().invoke(
            cli, ["rules", "explain", str(tmp_path / "observed"), *arguments], standalone_mode=False,
            catch_exceptions=False,
        )  # fmt: skip


def test_what_lab_rules_show_prints_is_a_rules_file() -> None:
    assert parse_tree(run("rules", "show", "--world", "shop").stdout, "shown.rules.yaml") == shipped_tree("shop")
    assert parse_tree(run("rules", "show").stdout, "shown.rules.yaml") == shipped_tree(None)


def test_an_absent_signal_is_never_evidence(recorded: Observed) -> None:
    """`steady` does not hold of what is not recorded, and the cause is said not to be judged."""
    rules = OWN.replace("    because:", '      - {steady: entry_age_p95_s, of: "{callee}"}\n    because:')
    answer = infer(recorded, parse_tree(rules, "x"))
    assert not answer.findings
    assert ("my-outage", "features->model", ("entry_age_p95_s",)) in [
        (one.kind, one.culprit, one.missing_signals) for one in answer.not_judged
    ]


def test_an_engine_with_a_rules_file_can_be_loaded_by_its_spec(own: Path, recorded: Observed, tmp_path: Path) -> None:
    recorded.write(tmp_path / "observed")
    assert load_engine(f"rules:{own}")(tmp_path / "observed").findings[0].kind == "my-outage"


def test_nearest_misses_come_first_and_the_rest_is_a_count(recorded: Observed, tmp_path: Path) -> None:
    recorded.write(tmp_path / "observed")
    output = run("rules", "explain", tmp_path / "observed").stdout
    assert re.search(r"and more pairs of cause and element: .*\d+ whose leading signal did not move", output)
    assert "did not move" not in output.partition("and more pairs")[0].partition(": not named")[2].partition("\n")[0]
    whole = run("rules", "explain", tmp_path / "observed", "--all").stdout
    assert "more pairs" not in whole
    assert whole.count(": not named") > 3 * output.count(": not named")
    [answer] = json.loads(run("rules", "explain", tmp_path / "observed", "--json").stdout)["runs"]
    missed = [cause["nearness"] for cause in answer["causes"] if cause["outcome"] != "named"]
    assert missed == sorted(missed, reverse=True)


def test_a_cause_is_reported_with_its_line_and_an_exception_in_words(
    own: Path, recorded: Observed, tmp_path: Path
) -> None:
    recorded.write(tmp_path / "observed")
    output = run("rules", "explain", tmp_path / "observed", "--engine", f"rules:{own}").stdout
    assert f"[{own.name}:{OWN[: OWN.index('- kind')].count(chr(10)) + 1}]" in output
    whole = run("rules", "explain", tmp_path / "observed", "--kind", "network-partition").stdout
    assert "exception: no: " in whole
    assert "unless ✗" not in whole
    assert "elsewhere in the recording, then inside the window" in whole


def test_explain_takes_a_directory_of_runs_as_diagnose_does(tmp_path: Path) -> None:
    loaded = scenario(tmp_path, duration_s=60, rate_per_s=5)
    for seed in (1, 2):
        run_scenario(loaded, seed, tmp_path / "runs")
    output = run("rules", "explain", tmp_path / "runs", "--json").stdout
    assert len(json.loads(output)["runs"]) == 2


def test_a_failed_case_of_a_rules_engine_names_the_command_that_explains_it(
    tmp_path: Path, own: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own.write_text(OWN.replace("by: 0.1", "by: 1.0"), encoding="utf-8")
    loaded = scenario(tmp_path, duration_s=150, rate_per_s=10, faults=[CUT])
    monkeypatch.chdir(tmp_path)
    output = run("run", loaded.path.name, "--engine", "rules:my.rules.yaml", "--no-report", "--runs-dir", "runs").stdout
    [command] = re.findall(r"explain +lab (.*)", output)
    explained = run(*shlex.split(command))
    assert explained.return_value == 0
    assert "my-outage of features->model" in explained.stdout


def test_a_kind_that_no_fault_has_is_a_warning_with_the_nearest_name(own: Path) -> None:
    own.write_text(OWN.replace("my-outage", "stale-cash"), encoding="utf-8")
    checked = run("rules", "check", own)
    assert checked.return_value == 0
    assert f"warning: {own}:4:11: kind 'stale-cash' is not a fault" in checked.stderr
    assert "did you mean 'stale-cache'?" in checked.stderr
    assert not run("rules", "check", CORE).stderr


def test_an_unknown_each_is_one_problem(own: Path) -> None:
    own.write_text(OWN.replace("each: link", "each: cash"), encoding="utf-8")
    assert [problem.line for problem in engine_problems(f"rules:{own}")] == [6]


def test_an_unsure_case_shows_what_could_not_be_judged() -> None:
    lacking = tuple(NotJudged("stale-cache", culprit, ("row_age_mean_s",)) for culprit in ("cache", "db"))
    answer = Diagnosis(Verdict.UNSURE, (), lacking)
    case = Assessment("cut", 1, "rules", answer, Truth(), (), "runs/cut/1")
    assert "not judged  stale-cache of cache, db: row_age_mean_s not recorded" in case_text(case)

"""Choosing what to run: expressions, tags, what failed last, when to stop; and what is listed and planned."""

from __future__ import annotations

import json
import os
import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.cli.last_failed import NAME
from lab.errors import ExitCode, UserError
from lab.scenario import load_scenario
from lab.scenario.expression import parse_expression
from tests.cli_cases import CUT, HEALTHY, lab, run, run_json, write

_FINDING = {"culprit": "orders->db", "boundary": "network", "kind": "network-partition", "onset_s": 30, "confidence": 1}
_ANSWER = json.dumps({"schema_version": 1, "verdict": "fault", "findings": [_FINDING]})
HIDING = Path(__file__).resolve().parents[1] / "without_worlds"
RIGHT = f"cmd:sh -c {shlex.quote(f'echo {shlex.quote(_ANSWER)}')}"
"""An engine that always blames the link that the scenario `cut` cuts."""


def tagged(name: str, tags: str, more: str = "") -> Path:
    return write(name, f"tags: [{tags}]\n{more}")


# Expressions.


@pytest.mark.parametrize(
    ("expression", "words", "fits"),
    [
        ("network", ["partition-mild", "network"], True),
        ("part", ["partition-mild"], True),
        ("PARTITION", ["partition-mild"], True),
        ("not mild", ["partition-mild"], False),
        ("network and not mild", ["partition", "network"], True),
        ("a or b and c", ["a"], True),
        ("(a or b) and c", ["a"], False),
        ("not a and b", ["b"], True),
        ("not (a and b)", ["a"], True),
        ("not not a", ["a"], True),
        ("a and(b)", ["a", "b"], True),
        ("android", ["and", "roid"], False),
        ("features->db", ["of features->db"], True),
    ],
)
def test_an_expression_matches_parts_of_words(expression: str, words: list[str], fits: bool) -> None:
    assert parse_expression(expression)(words) is fits


@pytest.mark.parametrize(
    ("expression", "message"),
    [
        ("", "column 1: expected a word, 'not' or '(', seen the end"),
        ("a and", "column 6: expected a word, 'not' or '(', seen the end"),
        ("a b", "column 3: expected 'and', 'or' or the end, seen 'b'"),
        ("(a", "column 3: expected ')', seen the end"),
        ("a )", "column 3: expected 'and', 'or' or the end, seen ')'"),
        ("or a", "column 1: expected a word, 'not' or '(', seen 'or'"),
        ("(" * 5000, "column 1001: expected at most 1000 characters"),
        ("(" * 400 + "a" + ")" * 400, "column 51: expected at most 50 levels of '(' and 'not'"),
        ("not " * 60 + "a", "column 201: expected at most 50 levels of '(' and 'not'"),
    ],
)
def test_what_is_no_expression_says_where(expression: str, message: str) -> None:
    with pytest.raises(ValueError, match=re.escape(message)):
        parse_expression(expression)


_EXPRESSIONS = st.recursive(
    st.sampled_from("abc"),
    lambda inner: st.one_of(
        inner.map(lambda one: f"not {one}"),
        st.tuples(inner, st.sampled_from(["and", "or"]), inner).map(lambda parts: "({} {} {})".format(*parts)),
    ),
    max_leaves=20,
)


@given(_EXPRESSIONS, st.sets(st.sampled_from("abc")))
def test_an_expression_means_what_it_means_in_python(expression: str, words: set[str]) -> None:
    assert parse_expression(expression)(words) is eval(expression, {one: one in words for one in "abc"})


@given(st.text(alphabet="ab ()notandr", max_size=1100))
def test_any_text_is_an_expression_or_says_why_not(text: str) -> None:
    try:
        message = str(parse_expression(text)(["ab"]))
    except ValueError as error:
        message = str(error)
    assert message in ("True", "False") or message.startswith("column ")


# Tags.


@pytest.mark.parametrize("tags", ["network, network", "Two Words", "1.5"])
def test_a_tag_is_a_name_given_once(folder: Path, tags: str) -> None:
    with pytest.raises(UserError) as caught:
        load_scenario(tagged("tagged", tags))
    problem = caught.value.problems[0]
    assert problem.line
    assert "tag" in str(problem) or "name in small letters" in str(problem)


# Filters.


def test_filters_choose_what_is_run_and_a_part_of_a_suite_is_held_against_no_threshold(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged("loud", "network, loud", CUT)
    suite = [
        "schema_version: 1", "name: both", "scenarios: [quiet.scenario.yaml, loud.scenario.yaml]",
        "engines: [constant]", "thresholds: ['culprit_top1 >= 0', 'false_alarm_ratio >= 0']", "",
    ]  # fmt: skip
    Path("both.suite.yaml").write_text("\n".join(suite))
    assert run("both.suite.yaml") == ExitCode.OK  # the thresholds hold whatever is said
    assert "Thresholds are not held" not in capsys.readouterr().out
    code = run("both.suite.yaml", "--tag", "loud")
    output = capsys.readouterr().out
    assert code == ExitCode.FAILED  # by the case
    assert "Thresholds are not held" in output
    assert "quiet" not in output
    run("both.suite.yaml", "-k", "not network")
    assert "loud" not in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "code", "message"),
    [
        (["-k", "nosuch"], ExitCode.NOTHING_SELECTED, "no scenario fits -k 'nosuch'"),
        (["--tag", "netwrk"], ExitCode.NOTHING_SELECTED, "did you mean 'network'?"),
        (["-k", "a b"], ExitCode.INVALID, "column 3"),
    ],
)
def test_a_filter_that_chooses_nothing_is_an_error(
    words: list[str], code: ExitCode, message: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    tagged("loud", "network", CUT)
    for command in ("run", "plan", "list"):
        assert lab(command, ".", *words) == code
        assert message in capsys.readouterr().err


# What failed last.


def test_what_failed_last_is_run_again_by_itself(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("cut.scenario.yaml", "quiet.scenario.yaml", "--seeds", 2, "--engine", RIGHT)
    run(*words)  # quiet fails with both seeds
    capsys.readouterr()
    _, again = run_json(capsys, "run", "--last-failed", "--jobs", 1, "--no-report")
    cases = [(case["scenario"], case["seed"], case["engine"]) for case in again["cases"]]
    assert cases == [("quiet", 3, RIGHT), ("quiet", 4, RIGHT)]
    _, one = run_json(capsys, "run", *words[:2], "--lf", "--seed", 4, "--no-report")
    assert [(case["scenario"], case["seed"]) for case in one["cases"]] == [("quiet", 4)]


def test_what_passed_since_is_forgotten_and_nothing_else(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    words = ("--engine", HEALTHY, "--engine", "constant")
    tagged("moody", "a", CUT)
    run("moody.scenario.yaml", "--seeds", 2, *words)  # both engines are wrong
    tagged("moody", "a")  # nothing is injected any longer: one of them is right
    capsys.readouterr()
    _, one = run_json(capsys, "run", "moody.scenario.yaml", "--lf", "--seed", 4, "--no-report", *words[:2])
    assert [case["outcome"] for case in one["cases"]] == ["pass"]
    _, left = run_json(capsys, "run", "--lf", "--no-report", "--jobs", 1)
    cases = {(case["seed"], case["engine"]) for case in left["cases"]}
    assert cases == {(3, HEALTHY), (3, "constant"), (4, "constant")}
    # What failed only with one engine is asked of that one, whatever the default is.
    assert run("--lf") == ExitCode.FAILED
    assert "rules" not in capsys.readouterr().out


def test_another_engine_that_passes_what_failed_wipes_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("chaos-lab.toml").write_text(f"[run]\nengine = [{json.dumps(HEALTHY)}]\nseeds = 1\n")
    run("quiet.scenario.yaml", "--engine", "constant", "--seed", 9)
    assert run("--lf", "--engine", HEALTHY) == ExitCode.OK
    capsys.readouterr()
    assert run("--lf") == ExitCode.FAILED
    assert "✗ FAIL  quiet  seed 9  constant" in capsys.readouterr().out


def test_a_rules_file_that_failed_is_asked_again_from_anywhere(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    Path("runs").mkdir()
    Path("own.rules.yaml").write_text("no: rules\n")
    case = {"scenario": "quiet", "seed": 3, "engine": f"rules:{folder}/own.rules.yaml"}
    target = str(Path("quiet.scenario.yaml").resolve())
    Path("runs", NAME).write_text(json.dumps({"failed": [case | {"target": target}]}))
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    assert run("--lf", "--runs-dir", "../runs") == ExitCode.INVALID
    assert "own.rules.yaml:1" in capsys.readouterr().err


def test_a_renamed_scenario_is_run_again_and_a_file_that_is_gone_is_forgotten(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    run("quiet.scenario.yaml", "--engine", "constant")
    path = Path("quiet.scenario.yaml")
    path.write_text(path.read_text().replace("name: quiet", "name: calm"))
    assert run("--lf") == ExitCode.FAILED
    assert "✗ FAIL  calm  seed 3  constant" in capsys.readouterr().out
    path.unlink()
    assert run("--lf") == ExitCode.NOTHING_SELECTED
    output = capsys.readouterr().err
    assert "is gone" in output
    assert "--last-failed" not in output


def test_where_nothing_of_it_failed_all_of_it_is_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quiet.scenario.yaml", "--lf") == ExitCode.OK
    output = capsys.readouterr()
    assert "nothing of this failed last time" in output.err
    assert "✓ pass  quiet" in output.out


def test_what_failed_is_found_from_another_directory(
    folder: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    run("quiet.scenario.yaml", "--engine", "constant")
    (folder / "below").mkdir()
    monkeypatch.chdir(folder / "below")
    capsys.readouterr()
    assert run("--lf", "--runs-dir", "../runs") == ExitCode.FAILED
    assert "✗ FAIL  quiet  seed 3  constant" in capsys.readouterr().out


@pytest.mark.parametrize("content", ["", "{}", '{"failed": [1]}', "[" * 100_000, '{"failed": [{"scenario": "quiet"}]}'])
def test_a_broken_memory_remembers_nothing(folder: Path, content: str, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs").mkdir()
    Path("runs", NAME).write_text(content)
    assert run("--lf") == ExitCode.NOTHING_SELECTED
    assert run("quiet.scenario.yaml", "--engine", "constant") == ExitCode.FAILED
    assert json.loads(Path("runs", NAME).read_text())["failed"][0]["scenario"] == "quiet"


def test_without_files_and_without_last_failed_something_is_missing(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run() == ExitCode.INVALID
    assert "Missing argument" in capsys.readouterr().err


# When to stop.


@pytest.mark.parametrize(("words", "count"), [(["-x"], 1), (["--max-fail", 2], 2), (["--max-fail", 9], 4)])
def test_no_run_is_started_once_enough_failed(
    folder: Path, words: list[object], count: int, capsys: pytest.CaptureFixture[str]
) -> None:
    what = ("cut.scenario.yaml", "quiet.scenario.yaml", "--seeds", 3, "--engine", RIGHT)  # 3 pass, then 3 fail
    code, document = run_json(capsys, "run", *what, "--jobs", 1, "--no-report", *words)
    failed = [case for case in document["cases"] if case["outcome"] == "fail"]
    assert code == ExitCode.FAILED
    assert len(failed) == min(count, 3)
    assert len(document["not_run"]) == 3 - len(failed)
    run(*what, *words)
    assert ("Not run, because enough had failed" in capsys.readouterr().out) == (count < 3)


def test_stopping_keeps_what_is_known_of_what_did_not_run(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("quiet.scenario.yaml", "--seeds", 3, "--engine", "constant")
    run("quiet.scenario.yaml", "--seeds", 3, "--engine", "constant", "-x")
    failed = json.loads(Path("runs", NAME).read_text())["failed"]
    assert [one["seed"] for one in failed] == [3, 4, 5]


# Lists and plans.


def test_the_list_shows_what_there_is_here(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    tagged("mine", "network", CUT + "title: My own cut\n")
    assert lab("list", ".", "-k", "mine") == ExitCode.OK
    output = capsys.readouterr().out
    assert "mine.scenario.yaml  My own cut\n    chain · 60 s · network-partition of orders->db · network\n" in output
    assert "quiet" not in output
    _, document = run_json(capsys, "list", ".", "--system", "chain")
    assert [one["name"] for one in document["scenarios"]] == ["cut", "mine", "quiet"]
    assert document["scenarios"][1]["tags"] == ["network"]
    assert lab("list", ".", "--system", "nosuch") == ExitCode.NOTHING_SELECTED


def test_a_broken_file_is_reported_and_the_others_are_listed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("broken.scenario.yaml").write_text("schema_version: 1\nnme: broken\n")
    assert lab("list", "quiet.scenario.yaml", "broken.scenario.yaml", "-k", "quiet") == ExitCode.INVALID
    output = capsys.readouterr()
    assert "quiet.scenario.yaml" in output.out
    assert "broken.scenario.yaml:2:1" in output.err


def test_without_the_shipped_worlds_the_list_says_what_is_missing_and_shows_the_rest(folder: Path) -> None:
    """Nobody asked for what is missing, so nothing failed."""
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join([str(HIDING), str(HIDING.parents[1])])}
    done = subprocess.run(
        [sys.executable, "-m", "lab", "list"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == ExitCode.OK, done.stderr
    assert re.findall(r"^\S+", done.stdout, re.MULTILINE) == ["cut.scenario.yaml", "quiet.scenario.yaml"]
    assert re.fullmatch(r"note: \d\d+ shipped .* left out: of the worlds .*\n  hint: +install .*\n", done.stderr)


def test_a_suite_and_a_directory_can_be_planned(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    suite = "schema_version: 1\nname: both\nscenarios: [cut.scenario.yaml, quiet.scenario.yaml]\nengines: [rules]\n"
    Path("both.suite.yaml").write_text(suite)
    assert lab("plan", "both.suite.yaml", "-k", "cut or quiet") == ExitCode.OK
    output = capsys.readouterr().out
    assert "Timeline" in output
    assert "this is a control" in output
    Path("both.suite.yaml").unlink()
    _, document = run_json(capsys, "plan", ".")
    assert [plan["scenario"] for plan in document["plans"]] == ["cut", "quiet"]
    _, single = run_json(capsys, "plan", "cut.scenario.yaml")
    assert single == document["plans"][0]


def test_an_unknown_scenario_is_an_error_with_the_nearest_names(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run("zzzz") == ExitCode.INVALID
    output = capsys.readouterr().err
    assert "`lab list`" in output
    assert 0 < len(re.findall(r"[\w-]+(?:/[\w-]+)+", output)) <= 3

"""Results against earlier ones: what became of each case, what a gate makes of it, and what is refused."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import pytest

from lab.cli import main
from lab.cli.compare import markdown_text, paired_lines
from lab.errors import ExitCode, UserError
from lab.runs.baseline import Change, _answer_text, compare_results, results_of
from tests.unit.test_outputs import QUIET

FAULT = {"boundary": "data", "kind": "feed-stall", "culprit": "feed"}


def case(scenario: str, outcome: str, *, seed: int = 1, engine: str = "rules", fault: bool = True) -> dict[str, Any]:
    answer = {"verdict": "fault", "findings": [{"kind": "feed-stall", "culprit": "feed"}]}
    truth = {"faults": [FAULT] if fault else []}
    return {"scenario": scenario, "seed": seed, "engine": engine, "outcome": outcome, "truth": truth, "answer": answer}


def document(*cases: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"schema_version": 1, "lab_version": "0.1.0", "suite": "s", "cases": list(cases), **more}


def compared(old: list[dict[str, Any]], new: list[dict[str, Any]]) -> list[tuple[str, Change]]:
    comparison = compare_results(results_of(document(*old), "old"), results_of(document(*new), "new"))
    return [(item.case.scenario, item.change) for item in comparison.changed]


@pytest.mark.parametrize(
    ("was", "now", "change", "codes"),
    [
        ("pass", "fail", Change.BROKEN, [ExitCode.FAILED]),
        ("pass", "inconclusive", Change.LOST, [ExitCode.INCONCLUSIVE]),
        ("pass", None, Change.LOST, [ExitCode.INCONCLUSIVE]),
        ("pass", "pass", Change.PASSING, []),
        ("fail", "pass", Change.FIXED, []),
        ("inconclusive", "pass", Change.FIXED, []),
        ("fail", "fail", Change.FAILING, []),
        ("fail", "inconclusive", Change.UNKNOWN, []),
        ("fail", None, Change.UNKNOWN, []),
        ("inconclusive", "fail", Change.UNKNOWN, []),
        (None, "pass", Change.NEW, []),
        (None, "inconclusive", Change.NEW, []),
        (None, "fail", Change.NEW_FAILING, [ExitCode.FAILED]),
    ],
)
def test_what_became_of_a_case_and_what_a_gate_makes_of_it(
    was: str | None, now: str | None, change: Change, codes: list[ExitCode]
) -> None:
    old = [case("anchor", "pass"), *([case("one", was)] if was else [])]
    new = [case("anchor", "pass"), *([case("one", now)] if now else [])]
    comparison = compare_results(results_of(document(*old), "old"), results_of(document(*new), "new"))
    assert [item.change for item in comparison.changed if item.case.scenario == "one"] == [change]
    assert comparison.exit_codes() == codes


def test_the_paired_tests_are_the_exact_ones() -> None:
    old = [case(f"s{i}", "pass" if i < 1 else "fail") for i in range(7)]
    new = [case(f"s{i}", "fail" if i < 1 else "pass") for i in range(7)]
    test = compare_results(results_of(document(*old), "o"), results_of(document(*new), "n")).tests["rules"]
    assert (test.better, test.worse, test.n) == (6, 1, 7)
    assert test.p_value == pytest.approx(2 * (1 + 7) / 2**7)


def test_counts_are_by_scenario_and_by_boundary() -> None:
    old = [case("a", "pass"), case("a", "pass", seed=2), case("quiet", "fail", fault=False)]
    new = [case("a", "fail"), case("a", "pass", seed=2), case("quiet", "pass", fault=False)]
    comparison = compare_results(results_of(document(*old), "o"), results_of(document(*new), "n"))
    assert comparison.counts("scenario") == {
        "a": {Change.BROKEN: 1, Change.PASSING: 1},
        "quiet": {Change.FIXED: 1},
    }
    assert set(comparison.counts("boundary")) == {"data", "control"}


def test_two_engines_of_other_names_are_paired_and_that_is_reported() -> None:
    old, new = [case("a", "pass", engine="rules")], [case("a", "fail", engine="rules:my.rules.yaml")]
    comparison = compare_results(
        results_of(document(*old, lab_version="0.1.0"), "o"), results_of(document(*new, lab_version="0.2.0"), "n")
    )
    assert [item.change for item in comparison.changed] == [Change.BROKEN]
    assert comparison.notes == (
        "different lab versions: 0.1.0, now 0.2.0",
        "different engines: rules, now rules:my.rules.yaml; their cases are paired",
    )


def test_cases_answered_under_other_conditions_are_counted() -> None:
    old = [{**case(name, "pass"), "isolation": "landlock", "observability": "usual"} for name in "abc"]
    new = [{**old[0], "observability": "poor"}, {**old[1], "observability": "poor"}, {**old[2], "isolation": "none"}]
    comparison = compare_results(results_of(document(*old), "o"), results_of(document(*new), "n"))
    assert comparison.notes == (
        "different observability in 2 cases: usual, now poor",
        "different isolation in 1 case: landlock, now none",
    )
    untold = [case(name, "pass") for name in "abc"]
    assert compare_results(results_of(document(*untold), "o"), results_of(document(*new), "n")).notes == ()


def test_results_with_no_case_in_common_are_refused_with_what_differs() -> None:
    with pytest.raises(UserError, match="different seeds: 1, now 2"):
        compared([case("a", "pass")], [case("a", "pass", seed=2)])


def test_order_does_not_matter() -> None:
    old, new = [case("a", "pass"), case("b", "fail")], [case("b", "pass"), case("a", "fail")]
    assert compared(old, new) == compared(old[::-1], new[::-1]) == [("a", Change.BROKEN), ("b", Change.FIXED)]


@pytest.mark.parametrize(
    ("content", "message"),
    [
        ('{"cases": [', "x.json:1:12: not JSON"),
        ("", "not JSON"),
        ("[]", "expected an object with a list of cases"),
        ('{"cases": {}}', "expected an object with a list of cases"),
        ('{"cases": []}', "schema_version is None"),
        ('{"schema_version": 1, "cases": [3]}', "cases[0] is not an object"),
        (json.dumps(document(case("a", "fine"))), "cases[0].outcome is 'fine'"),
        (json.dumps(document({**case("a", "pass"), "seed": True})), "cases[0].seed is True, expected a whole number"),
        (json.dumps(document({**case("a", "pass"), "truth": {}})), "cases[0].truth.faults is not a list"),
        (json.dumps(document(case("a", "pass"), case("a", "fail"))), "cases[1]: a seed 1 rules is there twice"),
        ("[" * 100_000, "not JSON"),
        ("\x00\xff", "not JSON"),
    ],
)
def test_a_broken_or_foreign_file_is_refused_with_what_is_wrong(
    tmp_path: Path, content: str, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file, good = tmp_path / "x.json", tmp_path / "good.json"
    file.write_text(content, encoding="latin-1")
    good.write_text(json.dumps(document(case("a", "pass"))), encoding="utf-8")
    for pair in ((file, good), (good, file)):
        assert main(["compare", *map(str, pair)]) == ExitCode.INVALID
        printed = capsys.readouterr()
        assert message in printed.err
        assert "x.json" in printed.err


def test_a_fifo_is_no_results_file(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    os.mkfifo(tmp_path / "fifo.json")
    assert main(["compare", str(tmp_path / "fifo.json"), str(tmp_path / "fifo.json")]) == ExitCode.INVALID
    assert "this is a fifo" in capsys.readouterr().err


@pytest.mark.parametrize("words", [[], ["--json"], ["--markdown"]])
def test_the_exit_code_is_the_gates_only_when_asked(
    tmp_path: Path, words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    old, new = tmp_path / "old.json", tmp_path / "new.json"
    old.write_text(json.dumps(document(case("a", "pass"))), encoding="utf-8")
    new.write_text(json.dumps(document(case("a", "fail"))), encoding="utf-8")
    assert main(["compare", str(old), str(new), *words]) == ExitCode.OK
    assert main(["compare", str(old), str(new), "--fail-on", "regression", *words]) == ExitCode.FAILED
    assert main(["compare", str(new), str(old), "--fail-on", "regression", *words]) == ExitCode.OK
    assert "newly broken" in capsys.readouterr().out


def test_markdown_keeps_its_table_whatever_an_engine_says() -> None:
    sly = case("a", "fail")
    sly["answer"]["findings"][0]["kind"] = "x | y\n<img>"
    comparison = compare_results(results_of(document(case("a", "pass")), "o"), results_of(document(sly), "n"))
    [row] = [line for line in markdown_text(comparison).splitlines() if line.startswith("| newly broken | a")]
    assert row.endswith(r"| fail: x \| y &lt;img&gt; of feed |")


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.chdir(tmp_path)
    Path("quiet.scenario.yaml").write_text(QUIET, encoding="utf-8")
    return tmp_path


def test_a_run_is_held_against_a_baseline(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["run", "quiet.scenario.yaml", "--jobs", "1", "--no-report"]
    gate = ["--baseline", "before.json", "--fail-on", "regression"]
    assert main([*run, "--engine", "constant", "-o", "before.json"]) == ExitCode.FAILED
    assert main([*run, "--engine", "constant", *gate]) == ExitCode.OK  # known
    assert "still failing" in capsys.readouterr().out
    better = json.loads(Path("before.json").read_text(encoding="utf-8"))
    better["cases"][0]["outcome"] = "pass"
    Path("before.json").write_text(json.dumps(better), encoding="utf-8")
    assert main([*run, "--engine", "constant", *gate, "--json"]) == ExitCode.FAILED
    output = json.loads(capsys.readouterr().out)
    assert (output["exit_code"], output["comparison"]["counts"]["newly broken"]) == (ExitCode.FAILED, 1)


def test_a_baseline_is_read_before_anything_runs(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run = ["run", "quiet.scenario.yaml", "--jobs", "1"]
    Path("other.json").write_text(json.dumps(document(case("other", "pass"))), encoding="utf-8")
    for words, message in (
        (["--baseline", "nowhere.json"], "cannot be read"),
        (["--baseline", "quiet.scenario.yaml"], "not JSON"),
        (["--baseline", "other.json"], "has none of the cases"),
        (["--fail-on", "regression"], "--fail-on needs results"),
    ):
        assert main([*run, *words]) == ExitCode.INVALID
        assert message in capsys.readouterr().err
    assert not Path("runs").exists()


def test_findings_beside_unsure_are_not_shown_as_blame() -> None:
    unsure = {"verdict": "unsure", "findings": [{"kind": "stale-cache", "culprit": "cache"}]}
    assert _answer_text(unsure) == "unsure"
    assert _answer_text({**unsure, "verdict": "fault"}) == "stale-cache of cache"


def test_where_no_case_was_judged_in_both_there_is_nothing_to_compare() -> None:
    unknown = document(case("a", "inconclusive"))
    [line] = paired_lines(compare_results(results_of(unknown, "old"), results_of(unknown, "new")))
    assert "nothing to compare" in line
    assert "McNemar" not in line

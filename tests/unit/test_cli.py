"""The command line as its users meet it: results, exit codes, messages, and what an interrupt leaves."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from lab import runner
from lab.cli import COMMANDS, cli
from lab.cli.console import MAX_SHOWN
from lab.errors import ExitCode, NotRevertedError, Problem
from tests.cli_cases import CHAIN, CUT, HEALTHY, INVISIBLE, lab, run, run_json, write, write_suite
from tests.sim_runs import text
from tests.waiting import PATIENCE_S, eventually

# Help and what it costs.


@pytest.mark.parametrize("words", [["--help"], ["run", "--help"], ["--version"], ["evaluate", "--help"]])
def test_help_imports_nothing_heavy(words: list[str]) -> None:
    heavy = "{'numpy', 'pandas', 'sklearn', 'pyarrow', 'scipy', 'simpy', 'pydantic'}"
    code = f"import sys; from lab.cli import main; code = main({words}); print(code, {heavy} & set(sys.modules))"
    said = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert said.splitlines()[-1] == "0 set()"


@pytest.mark.parametrize("name", COMMANDS)
def test_each_command_explains_itself(name: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab(name, "--help") == 0
    text = capsys.readouterr().out
    assert COMMANDS[name] in " ".join(text.split())
    assert f"lab {name}" in text.split("Examples:")[1]


@pytest.mark.parametrize("name", COMMANDS)
def test_each_option_can_be_set_by_a_variable(name: str) -> None:
    import click

    command = cli.get_command(click.Context(cli), name)
    assert command is not None
    options = [p for p in command.params if isinstance(p, click.Option)]
    assert [p.name for p in options if not p.show_envvar] == []


def test_a_variable_sets_an_option(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("LAB_RUN_SEED", "42")
    monkeypatch.setenv("LAB_RUNS_DIR", "elsewhere")
    _, document = run_json(capsys, "run", "quiet.scenario.yaml", "--engine", "constant", "--no-report")
    assert document["cases"][0]["seed"] == 42
    assert Path(document["cases"][0]["path"]).parts[0] == "elsewhere"


def test_completion_scripts_are_for_the_lab(capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("completion", "zsh") == 0
    assert "_LAB_COMPLETE=zsh_complete" in capsys.readouterr().out


# Exit codes.


def test_0_when_every_case_passed(folder: Path) -> None:
    assert run("quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.OK


def test_1_when_a_case_failed(folder: Path) -> None:
    assert run("cut.scenario.yaml", "--engine", HEALTHY) == ExitCode.FAILED


def test_1_when_an_engine_gave_no_answer(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("quiet.scenario.yaml", "--engine", "cmd:false") == ExitCode.FAILED
    assert "no answer: exited with status 1" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["rum"], "did you mean 'run'?"),
        (["run"], "Missing argument"),
        (["run", "cut.scenario.yaml", "--sead", "1"], "--seed"),
        (["run", "cat.scenario.yaml"], "cat.scenario.yaml"),
        (["run", "recomender"], "did you mean 'recommender"),
        (["run", "cut.scenario.yaml", "--engine", "constantly"], "did you mean 'constant'?"),
        (["run", "cut.scenario.yaml", "--seeds", "9-1"], "expected a count"),
        (["run", "cut.scenario.yaml", "--seed", "1", "--seeds", "1-2"], "contradict"),
        (["run", "cut.scenario.yaml", "-o", "results.pdf"], ".html or .json"),
        (["run", "cut.scenario.yaml", "-o", "nowhere/results.json"], "no directory nowhere"),
        (["run", "cut.scenario.yaml", "--testbed", "stack"], "the stack does not serve the system"),
        (["run", "small.suite.yaml", "cut.scenario.yaml"], "a suite is run by itself"),
        (["run", "cut.scenario.yaml", "--seed", str(2**63)], "the seed is too large"),
        (["run", "cut.scenario.yaml", "--seed", str(2**63 - 2), "--seeds", "3"], "the seed is too large"),
        (["run", CHAIN], "this is a system file, not a scenario"),
        (["plan", CHAIN], "this is a system file, not a scenario"),
        (["evaluate", "cut.scenario.yaml"], "is not a suite"),
        (["plan", "nonesuch"], "unknown scenario"),
        (["faults", "network-partitoin"], "did you mean 'network-partition'?"),
        (["grade", "nowhere"], "no such directory"),
        (["report", ".", "--title", "both"], "-o report.html"),
    ],
)
def test_2_and_a_helpful_message_for_wrong_usage(
    words: list[str], said: str, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    write_suite("culprit_top1 >= 0.5")
    before = sorted(folder.rglob("*"))
    assert lab(*words) == ExitCode.INVALID
    printed = capsys.readouterr()
    assert said in printed.err
    assert "Traceback" not in printed.err
    assert printed.out == ""
    assert sorted(folder.rglob("*")) == before


def test_3_when_a_run_was_aborted(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("impossible", "steady_state: [{sli: error_ratio, above: 50%}]\n")
    assert run(path, "quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.INTERNAL
    printed = capsys.readouterr().out
    assert "! not graded  impossible" in printed
    assert "steady state does not hold" in printed
    assert "✓ pass  quiet" in printed
    assert lab("--debug", "run", path, "--engine", HEALTHY, "--jobs", 1, "--no-report") == ExitCode.INTERNAL
    assert "RunAbortedError" in capsys.readouterr().err


def test_3_and_one_line_for_an_internal_error_with_a_way_to_see_more(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails() -> None:
        raise ZeroDivisionError("oh")

    monkeypatch.setattr("lab.faults.fault_types", fails)
    assert lab("faults") == ExitCode.INTERNAL
    said = capsys.readouterr().err
    assert "internal error: ZeroDivisionError: oh" in said
    assert "LAB_DEBUG=1" in said
    assert "Traceback" not in said
    assert lab("--debug", "faults") == ExitCode.INTERNAL
    assert "Traceback" in capsys.readouterr().err


def test_4_when_a_fault_never_showed(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    path = write("unseen", INVISIBLE)
    assert run(path, "quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.INCONCLUSIVE
    assert "? inconclusive  unseen" in capsys.readouterr().out


@pytest.mark.parametrize("words", [["run", "empty"], ["report", "empty"], ["grade", "empty"]])
def test_5_when_nothing_is_selected(words: list[str], folder: Path) -> None:
    Path("empty").mkdir()
    assert lab(*words) == ExitCode.NOTHING_SELECTED


def test_6_when_something_could_not_be_reverted(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def sticks(*_: object) -> None:
        raise NotRevertedError("db is still locked")

    monkeypatch.setattr(runner, "run_scenario", sticks)
    assert run("quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.NOT_REVERTED


def test_130_when_interrupted(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(*_: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr(runner, "run_scenario", interrupted)
    assert run("quiet.scenario.yaml", "--engine", HEALTHY) == ExitCode.INTERRUPTED
    assert "Traceback" not in capsys.readouterr().err


@pytest.mark.parametrize(
    ("threshold", "code"),
    [
        ("false_alarm_ratio >= 0.5", ExitCode.OK),
        ("false_alarm_ratio <= 5%", ExitCode.FAILED),
        ("culprit_top1 >= 0.5", ExitCode.INCONCLUSIVE),
    ],
)
def test_a_suite_ends_with_its_thresholds_and_shows_its_failed_cases(
    threshold: str, code: ExitCode, folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert run(write_suite(threshold)) == code
    assert "✗ FAIL  quiet" in capsys.readouterr().out


# What is printed and written.


def test_text_comes_in_order_verdicts_numbers_report_replay(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    code = lab("run", "cut.scenario.yaml", "quiet.scenario.yaml", "--engine", "constant", "--seeds", 2, "--jobs", 1)
    text = capsys.readouterr().out
    assert code == ExitCode.FAILED
    places = [
        text.index(part)
        for part in (
            "✗ FAIL  cut  seed 3  constant",
            "truth  network-partition of orders->db (network) 30–55 s",
            "why    culprit: said front",
            "✗ FAIL  quiet  seed 4",
            "culprit_top1",
            "0 of 2  ✗ 2",
            "Report  runs/index.html",
            "Replay  lab run cut.scenario.yaml --seed 3 --engine constant",
        )
    ]
    assert places == sorted(places)
    assert "\x1b" not in text
    assert Path("runs/index.html").is_file()


def test_json_is_one_document_on_stdout_and_the_same_in_a_file(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ("cut.scenario.yaml", "--engine", "constant", "--engine", HEALTHY, "-o", "results.json", "--no-report")
    code, document = run_json(capsys, "run", *words)
    assert code == document["exit_code"] == ExitCode.FAILED
    assert [case["engine"] for case in document["cases"]] == ["constant", HEALTHY]
    assert document["cases"][0]["truth"]["faults"][0]["culprit"] == "orders->db"
    assert document["metrics"]["constant"]["culprit_top1"]["n"] == 1
    assert document["paths"] == {"runs": "runs", "reports": []}
    assert json.loads(Path("results.json").read_text()) == document


@pytest.mark.parametrize("variables", [{}, {"NO_COLOR": "1"}, {"CI": "true"}])
def test_colour_only_where_it_is_wanted(variables: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    from lab.cli.console import stdout

    for name in ("NO_COLOR", "CI"):
        monkeypatch.delenv(name, raising=False)
    for name, value in {"FORCE_COLOR": "1", "TERM": "xterm-256color", **variables}.items():
        monkeypatch.setenv(name, value)
    console = stdout()
    with console.capture() as captured:
        console.print("fail", style="red")
    assert ("\x1b[31m" in captured.get()) == (not variables)


def test_seeds_come_from_the_options_the_suite_or_the_scenario() -> None:
    from lab.cli.selection import parse_seeds

    own = (7,)
    assert parse_seeds(None).of(own) == (7,)
    assert parse_seeds("3").of(own) == (7, 8, 9)
    assert parse_seeds("2", 40).of(own) == (40, 41)
    assert parse_seeds(None, 40).of(own) == (40,)
    assert parse_seeds("1000-1002").of(own) == (1000, 1001, 1002)


@pytest.mark.slow
def test_a_directory_stands_for_its_scenarios_and_one_given_twice_runs_once(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    _, document = run_json(capsys, "run", ".", "cut.scenario.yaml", "--engine", "constant", "--no-report")
    assert [case["scenario"] for case in document["cases"]] == ["cut", "quiet"]


def test_recordings_are_diagnosed_graded_and_reported_later(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    run("cut.scenario.yaml", "--engine", "constant")
    capsys.readouterr()
    assert lab("diagnose", "runs", "--engine", "constant") == ExitCode.OK
    assert "1. model-regression of front (model)" in capsys.readouterr().out
    code, document = run_json(capsys, "grade", "runs")
    assert (code, [case["engine"] for case in document["cases"]]) == (ExitCode.FAILED, ["constant"])
    assert lab("grade", "runs/cut", "--engine", HEALTHY) == ExitCode.FAILED
    assert "culprit-top-k" in capsys.readouterr().out
    assert lab("report", "runs") == ExitCode.OK
    assert capsys.readouterr().out.strip() == "runs/index.html"


@pytest.mark.slow
def test_an_evaluation_says_its_seeds_and_keeps_no_recording(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    from lab.cli.figures import markdown

    suite = Path("both.suite.yaml")
    suite.write_text("schema_version: 1\nname: both\nscenarios: [quiet.scenario.yaml, cut.scenario.yaml]\n")
    seeds = ("--seeds", "20-21", "--control-seeds", "20-23")
    words = ("evaluate", suite, *seeds, "--engine", "constant", "--jobs", 2)
    code, document = run_json(capsys, *words, "--engine", HEALTHY, "-o", "figures.md")
    assert code == ExitCode.FAILED
    assert Path("figures.md").read_text(encoding="utf-8") == markdown(document) + "\n"
    assert document["seeds"] == {"faults": [20, 21], "controls": [20, 21, 22, 23]}
    assert document["metrics"][HEALTHY]["false_alarm_ratio"]["n"] == 4
    assert document["confusions"][HEALTHY] == [
        {"true": "network-partition of orders->db", "said": "healthy", "cases": 2}
    ]
    [against] = document["comparisons"]
    assert (against["engine"], against["floor"], against["better"], against["worse"]) == (HEALTHY, "constant", 4, 0)
    assert not any(Path(case["path"]).exists() for case in document["cases"])


def test_an_evaluation_has_a_hundred_control_runs_by_itself(folder: Path) -> None:
    from lab.cli.evaluate import EVALUATION_SEEDS, make_jobs
    from lab.cli.selection import select

    jobs = make_jobs(select(["."]), None, None, ("constant",))
    assert [job.seed for job in jobs if job.loaded.scenario.faults] == list(EVALUATION_SEEDS)
    assert [job.seed for job in jobs if not job.loaded.scenario.faults] == list(range(1000, 1100))


# The other commands.


def test_validate_says_ok_or_every_problem_at_its_place(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("bad.scenario.yaml").write_text(
        Path("cut.scenario.yaml").read_text().replace("seed:", "sead:").replace("8/s", "8")
    )
    assert lab("validate", "cut.scenario.yaml", "bad.scenario.yaml", CHAIN) == ExitCode.INVALID
    printed = capsys.readouterr()
    assert printed.out.splitlines() == ["OK  cut.scenario.yaml", f"OK  {CHAIN}"]
    assert "bad.scenario.yaml:4:1: unknown key 'sead'" in printed.err
    assert "did you mean 'seed'?" in printed.err
    assert "bad.scenario.yaml:6:" in printed.err
    assert "2 problems in 1 of 3 files" in printed.err
    code, document = run_json(capsys, "validate", "bad.scenario.yaml")
    assert (code, document["files"][0]["problems"][0]["line"]) == (ExitCode.INVALID, 4)


def test_of_very_many_problems_of_one_file_the_first_are_shown(
    folder: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    use = CUT.removeprefix("faults: [").removesuffix("]\n").replace("at: 30s", "at: 30")
    write("many", f"faults: [{', '.join([use] * 90)}]\n")
    assert lab("validate", "many.scenario.yaml") == ExitCode.INVALID
    validated = capsys.readouterr().err
    assert validated.count("many.scenario.yaml:7:") == MAX_SHOWN
    assert "many.scenario.yaml: … and 149 more problems" in validated
    assert "179 problems in 1 of 1 file" in validated
    assert lab("plan", "many.scenario.yaml") == ExitCode.INVALID
    assert "… and 149 more problems" in capsys.readouterr().err
    _, document = run_json(capsys, "validate", "many.scenario.yaml")
    assert len(document["files"][0]["problems"]) == 179


def test_validate_plan_and_run_agree(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    write("mild", CUT.replace("for: 25s", "for: 25s, with: {fraction: 950%}"))
    said = []
    for command in ("validate", "plan", "run"):
        assert lab(command, "mild.scenario.yaml") == ExitCode.INVALID
        said.append(capsys.readouterr().err.splitlines()[:3])
    assert said[0] == said[1] == said[2]
    assert "bad value for 'fraction'" in said[0][0]


def test_on_github_a_located_problem_marks_the_line(
    folder: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    from lab.cli.console import show_problem

    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    show_problem(Problem("100% wrong", "a,b.yaml", 3, 7, hint="two\nlines"))
    assert "::error file=a%2Cb.yaml,line=3,col=7::100%25 wrong. two%0Alines\n" in capsys.readouterr().err


def test_plan_tells_levers_times_and_truth(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("plan", "cut.scenario.yaml") == ExitCode.OK
    text = capsys.readouterr().out
    assert "f1: network-partition of orders->db (network) 30–55 s" in text
    _, document = run_json(capsys, "plan", "cut.scenario.yaml")
    acts = [(act["at_s"], act["event"], act["lever"], act["element"]) for act in document["timeline"]]
    assert acts == [(30.0, "pull", "link.cut", "orders->db"), (55.0, "revert", "link.cut", "orders->db")]
    assert sorted(path.name for path in folder.iterdir()) == ["cut.scenario.yaml", "quiet.scenario.yaml"]


def test_faults_are_listed_with_docs_and_parameters(capsys: pytest.CaptureFixture[str]) -> None:
    code, document = run_json(capsys, "faults")
    found = {fault["name"]: fault for fault in document["faults"]}
    assert code == ExitCode.OK
    assert set(found["network-partition"]["parameters"]["properties"]) == {"direction", "fraction"}
    assert found["deploy"]["decoy"]
    assert all(fault["doc"] for fault in found.values())
    assert lab("faults", "network-partition") == ExitCode.OK
    assert "both | request | response" in capsys.readouterr().out


def test_engines_are_listed_with_docs(capsys: pytest.CaptureFixture[str]) -> None:
    from lab.cli.evaluate import FLOORS

    _, document = run_json(capsys, "engines")
    found = {engine["name"]: engine for engine in document["engines"]}
    assert {"rules", *FLOORS} <= set(found)
    assert found["chance"]["doc"].startswith("Blames everything equally")
    assert lab("engines") == ExitCode.OK
    assert "cmd:PROGRAM ARGS" in capsys.readouterr().out


def test_schema_prints_one_or_writes_all(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert lab("schema", "suite") == ExitCode.OK
    assert json.loads(capsys.readouterr().out)["title"] == "Chaos lab suite file, version 1"
    assert lab("schema", "--write", "made") == ExitCode.OK
    kinds = ["diagnosis", "rules", "scenario", "suite", "system"]
    assert sorted(path.name for path in Path("made").iterdir()) == [f"{kind}.v1.json" for kind in kinds]


def test_doctor_finds_the_lab_able_and_leaves_nothing(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("runs/cut/.3-abc.x.tmp").mkdir(parents=True)
    before = sorted(folder.rglob("*"))
    code, document = run_json(capsys, "doctor")
    checks = {check["name"]: check for check in document["checks"]}
    assert (code, document["ok"]) == (ExitCode.OK, True)
    assert "runs/cut/.3-abc.x.tmp" in checks["half recordings"]["detail"]
    assert checks["docker"]["ok"] is None
    assert sorted(folder.rglob("*")) == before


def test_doctor_says_when_recordings_cannot_be_kept(folder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    Path("file").write_text("in the way")
    assert lab("doctor", "--runs-dir", "file/runs") == ExitCode.INTERNAL
    assert "not writable" in capsys.readouterr().out


# Interrupts.


def test_a_run_clears_what_a_killed_one_left_but_not_what_another_is_writing(folder: Path) -> None:
    old, fresh = Path("runs/cut/.3-abc.old1.tmp"), Path("runs/cut/.3-abc.new1.tmp")
    for path in (old, fresh):
        path.mkdir(parents=True)
    os.utime(old, (time.time() - 3600,) * 2)
    run("quiet.scenario.yaml", "--engine", "constant")
    assert (old.exists(), fresh.exists()) == (False, True)


@pytest.mark.slow
@pytest.mark.parametrize(("signal_sent", "jobs"), [(signal.SIGINT, 2), (signal.SIGTERM, 2), (signal.SIGINT, 1)])
def test_an_interrupt_ends_every_process_and_leaves_no_half_recording(
    signal_sent: signal.Signals, jobs: int, folder: Path
) -> None:
    write("long", CUT, duration=3600, rate=300)
    temporary = folder / "temporary"
    temporary.mkdir()
    words = [sys.executable, "-m", "lab", "run", "long.scenario.yaml", "--seeds", "3", "--jobs", str(jobs)]
    process = subprocess.Popen(
        [*words, "--engine", "constant"],
        env=os.environ | {"TMPDIR": str(temporary)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    eventually(lambda: len(list(temporary.glob("rca-*"))) == jobs)  # each process has opened its engine host
    time.sleep(0.3)
    if signal_sent == signal.SIGINT:
        os.killpg(process.pid, signal_sent)  # as a terminal does
    else:
        process.send_signal(signal_sent)
    out, err = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == ExitCode.INTERRUPTED
    assert (out, "Traceback" in err) == ("", False)
    assert list(folder.glob("runs/*/*")) == []
    assert list(temporary.glob("rca-*")) == []


def test_the_dry_run_counts_surges_and_warns_of_a_fault_with_nothing_before_it(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    cut = {"type": "network-partition", "target": "features->db", "for": "60s"}
    surge = {"type": "traffic-surge", "target": "shoppers", "at": "60s", "for": "20s", "with": {"rate": "50/s"}}
    path = tmp_path / "dry.scenario.yaml"
    for at_s, noted in ((0, True), (60, False)):
        content = text(duration_s=120, rate_per_s=10, faults=[{**cut, "at": f"{at_s}s"}], decoys=[surge])
        path.write_text(content, encoding="utf-8")
        assert lab("plan", path) == 0
        printed = capsys.readouterr().out
        assert "about 2200 requests" in printed
        assert ("inject it later" in printed) is noted

"""The lab as a Python library: what it offers, and that it is light before it is used."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import lab
from tests.unit.test_outputs import QUIET

ROOT = Path(__file__).parents[2]
HEAVY = {"numpy", "pandas", "click", "pydantic", "pyarrow", "rich", "scipy", "yaml", "sklearn", "simpy"}


def quiet(observed: Path) -> dict[str, Any]:
    assert sorted(path.name for path in observed.iterdir())
    return {"schema_version": 1, "verdict": "healthy"}


def raising(observed: Path) -> lab.Diagnosis:
    raise ZeroDivisionError(f"nothing under {observed}")


@pytest.fixture
def here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_importing_it_imports_nothing_heavy() -> None:
    heavy = {*HEAVY, "lab.library", "lab.contracts"}
    code = f"import sys, lab; print(*[m for m in {heavy} if m in sys.modules])"
    printed = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert printed.stdout.strip() == ""


def test_everything_it_offers_is_there_and_documented() -> None:
    for name in lab.__all__:
        assert getattr(lab, name).__doc__
        assert name in dir(lab)
    with pytest.raises(AttributeError, match="no attribute 'runn'"):
        _ = lab.runn  # type: ignore[attr-defined]


def test_a_run_has_its_answers_grades_truth_signals_and_tables(here: Path) -> None:
    run = lab.run(QUIET, engines=[quiet, "constant"])
    assert run.path.parent == Path("runs/quiet")
    assert (run.scenario, run.seed, run.status) == ("quiet", 3, "complete")
    assert run.truth.is_control
    assert run.engines == ("quiet", "constant")
    assert run.diagnosis == lab.Diagnosis(lab.Verdict.HEALTHY)
    assert run.outcomes == {"quiet": lab.Outcome.PASS, "constant": lab.Outcome.FAIL}
    assert [grade.grader for grade in run.grades["quiet"]] == ["false-alarm"]
    assert len(run.frame("spans")) > 100
    assert run.signals["error_ratio"].index.name == "time_s"
    assert type(run.signals["error_ratio"]) is pd.DataFrame
    link = str(run.signals["client_duration_p50_s"].columns[0])
    assert run.signals["client_duration_p50_s", link].equals(run.signals["client_duration_p50_s"][link])
    with pytest.raises(lab.UserError, match="no table 'features'"):
        run.frame("features")  # of a system without a world
    with pytest.raises(lab.UserError, match="did you mean 'spans'"):
        run.frame("span")


@pytest.mark.parametrize(
    ("key", "says"),
    [
        ("eror_ratio", r"no signal 'eror_ratio'; did you mean 'error_ratio'\? \(docs/signals\.md\)"),
        (3, r"no signal 3; .*\(docs/signals\.md\)"),
        ("queue_length", "is not in this recording: never seen, or less recorded than observability poor"),
        (("error_ratio", "nobody"), r"no subject 'nobody' of signal 'error_ratio'; it has '\w+->\w+'"),
    ],
)
def test_a_signal_that_is_not_there_is_a_key_error_that_says_what_is(here: Path, key: Any, says: str) -> None:
    signals = lab.run(QUIET, engines=quiet).signals
    with pytest.raises(KeyError, match=says):
        signals[key]


def test_a_recording_opens_again_with_all_that_was_kept(here: Path) -> None:
    made = lab.run(QUIET, engines=quiet)
    again = lab.load_run(made.path)
    assert (again.diagnosis, again.grades, again.outcome) == (made.diagnosis, made.grades, lab.Outcome.PASS)
    assert isinstance(again.diagnose("constant"), lab.Diagnosis)
    assert again.outcomes == {"constant": lab.Outcome.FAIL, "quiet": lab.Outcome.PASS}
    with pytest.raises(lab.UserError, match="not a recording"):
        lab.load_run(here)


def test_a_function_that_raises_is_a_failed_case(here: Path) -> None:
    run = lab.run(QUIET, engines=[raising])
    assert run.diagnosis == lab.EngineFailure("ZeroDivisionError: nothing under ./observed")
    assert run.outcome is lab.Outcome.FAIL


def test_seeds_give_a_run_each(here: Path) -> None:
    runs = lab.run(QUIET, seeds=[4, 5], engines=quiet)
    assert [run.seed for run in runs] == [4, 5]
    assert runs.outcomes == [{"quiet": lab.Outcome.PASS}] * 2
    assert runs._repr_html_().count("<tr>") == 3


def test_a_scenario_may_be_a_dict_or_a_path(here: Path) -> None:
    import yaml

    content = yaml.safe_load(QUIET)
    Path("quiet.scenario.yaml").write_text(QUIET, encoding="utf-8")
    by_path = lab.run("quiet.scenario.yaml", engines=quiet)
    assert lab.run(content, engines=quiet).outcome is by_path.outcome is lab.Outcome.PASS


@pytest.mark.parametrize(
    ("scenario", "more", "message"),
    [
        (QUIET.replace("quiet", "Quiet"), {}, "<scenario>:2:7"),
        ({"name": {1, 2}}, {}, "not plain data"),
        ({"duration": float("nan")}, {}, "not plain data"),
        (QUIET, {"engines": "rulez"}, "did you mean 'rules'"),
        (QUIET, {"seed": -1}, "not a seed"),
        (QUIET, {"seed": 1, "seeds": [1]}, "contradict"),
    ],
)
def test_mistakes_are_user_errors_before_anything_runs(here: Path, scenario: Any, more: Any, message: str) -> None:
    with pytest.raises(lab.UserError, match=re.escape(message)):
        lab.run(scenario, **more)
    assert not Path("runs").exists()


def test_what_an_engine_says_is_text_in_a_notebook(here: Path) -> None:
    finding = {"culprit": "<b>", "boundary": "data", "kind": "k", "onset_s": 1, "confidence": 1}
    run = lab.run(QUIET, engines=lambda _: {"schema_version": 1, "verdict": "fault", "findings": [finding]})
    assert "&lt;b&gt;" in run._repr_html_()
    assert "<b>" not in run._repr_html_()
    assert repr(run).startswith("<lab.Run quiet seed 3; <lambda>: fail; runs/quiet/3-")

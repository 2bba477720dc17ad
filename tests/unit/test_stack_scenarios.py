"""The published table of scenarios on the stack: what is in it, what fails it, and what excuses a difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pytest

from lab.engines.host import EngineHost
from lab.errors import ExitCode, NotRevertedError
from lab.runs.campaign import Job, JobResult
from lab.runs.runner import run_path, run_scenario
from lab.runs.suite import load_suite
from lab.scenario import load_scenario
from lab.testbeds.installed import choose
from lab.testbeds.stack.files import files_of
from lab.testbeds.stack.options import SYSTEM
from scripts import pairs
from scripts import stack_scenarios as published
from scripts.figures import between
from scripts.stack_scenarios import Known, Row, exit_code, kept_rows, read_known, stack_digest, table

RIGHT = Row("recommender/feed-stall", 1, "c0de", "feed (feed-stall)", 5.0, 120.0, "pass: feed (feed-stall)",
            "pass: feed (feed-stall)", "1 of 1", 4, 4)  # fmt: skip
OTHER = "fallback_ratio of features.default_features"
OTHER_SIGN = f"{OTHER}: + / 0"


def row(**changes: object) -> Row:
    return Row(**{**asdict(RIGHT), **changes})


def test_the_page_shows_the_rows_that_are_kept() -> None:
    page = between(published.PAGE.read_text(encoding="utf-8"), "scenarios")
    assert page == table(list(kept_rows().values()), read_known())


def test_known_differences_are_of_shipped_scenarios_and_each_has_a_reason() -> None:
    shipped = {loaded.scenario.name for loaded in load_suite("recommender").scenarios}
    known = read_known()
    assert set(known) <= shipped
    assert all(len(entry.why) > 40 for entry in known.values())


def test_nothing_is_brought_up_before_it_was_noted_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    @contextmanager
    def held(*_: object, **how: object) -> Iterator[None]:
        asked.append(how)
        yield

    monkeypatch.setattr(published, "Session", lambda _: object())  # of which nothing can be asked
    monkeypatch.setattr(published, "held", held)
    monkeypatch.setattr(published, "run_one", lambda *_, **__: RIGHT)
    monkeypatch.setattr(published, "publish", lambda _: None)
    assert published.main([RIGHT.scenario]) == ExitCode.OK
    assert asked == [{"anew": True}]


@pytest.mark.parametrize("entry", ["{problems: [verdict], why: ''}", "{problems: [], why: because}",
                                   "{problems: [everything], why: because}"])  # fmt: skip
def test_a_difference_without_a_reason_or_without_a_problem_is_refused(tmp_path: Path, entry: str) -> None:
    path = tmp_path / "known.yaml"
    path.write_text(f"feed-stall: {entry}\n", encoding="utf-8")
    with pytest.raises(ValueError, match="expected a reason"):
        read_known(path)


@pytest.mark.parametrize(
    ("changes", "code"),
    [
        ({}, ExitCode.OK),
        ({"problems": ("verdict",)}, ExitCode.FAILED),
        ({"problems": ("parity",), "differing": (OTHER_SIGN,)}, ExitCode.FAILED),
        ({"problems": ("not run",), "reason": "it was refused"}, ExitCode.FAILED),
        ({"problems": ("not run",), "reason": "the machine stalled", "disturbed": True}, ExitCode.INCONCLUSIVE),
    ],
)
def test_what_is_not_as_it_should_be_fails_unless_it_is_known(changes: dict[str, object], code: ExitCode) -> None:
    assert exit_code([RIGHT, row(**changes)], {}) == code


def test_a_known_difference_excuses_what_it_names_and_nothing_else() -> None:
    known = {"feed-stall": Known(frozenset({"parity"}), "a reason", frozenset({OTHER}))}
    assert exit_code([row(problems=("parity",), differing=(OTHER_SIGN,))], known) == ExitCode.OK
    more = (OTHER_SIGN, "error_ratio of features: 0 / +")
    assert exit_code([row(problems=("parity",), differing=more)], known) == ExitCode.FAILED
    assert exit_code([row(problems=("verdict",))], known) == ExitCode.FAILED
    assert exit_code([row(problems=("not run",), disturbed=True)], known) == ExitCode.INCONCLUSIVE


def test_the_table_says_what_differs_and_why() -> None:
    differing = row(problems=("parity",), differing=(OTHER_SIGN,), agreeing=3)
    assert "**3 of 4**" in table([differing], {})
    assert f"Seen: {OTHER_SIGN}. **Not explained.**" in table([differing], {})
    known = Known(frozenset({"parity"}), "The stack is faster.", frozenset({OTHER}))
    assert "The stack is faster." in table([differing], {"feed-stall": known})


def test_published_rows_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures" / "rows.json"
    page.write_text("<!-- scenarios: begin -->\n\n<!-- scenarios: end -->\n", encoding="utf-8")
    monkeypatch.setattr(published, "PAGE", page)
    monkeypatch.setattr(published, "FIGURES", figures)
    rows = {RIGHT.scenario: row(problems=("parity",), differing=(OTHER_SIGN,))}
    published.publish(rows)
    assert kept_rows() == rows
    assert json.loads(figures.read_text(encoding="utf-8"))["schema_version"] == 1
    assert "feed-stall" in page.read_text(encoding="utf-8")


def test_recordings_of_other_code_are_not_taken_for_those_of_this(tmp_path: Path) -> None:
    for place in ("lab/testbeds/stack", "services"):
        (tmp_path / place).mkdir(parents=True)
    for file in files_of(SYSTEM):
        (tmp_path / file).write_text("services: {}\n", encoding="utf-8")
    before = stack_digest(tmp_path)
    assert stack_digest(tmp_path) == before
    (tmp_path / "services" / "new.py").write_text("", encoding="utf-8")
    assert stack_digest(tmp_path) != before


@pytest.mark.parametrize(
    ("disturbed", "time_scale", "lines"), [(0, 5.0, 0), (1, 2.5, 1), (2, 2.5, 1)], ids=["never", "once", "twice"]
)
def test_a_run_that_the_machine_disturbed_is_made_once_more_and_slower(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, disturbed: int, time_scale: float, lines: int
) -> None:
    asked: list[float | None] = []

    def run_job(job: Job, *_: object) -> JobResult:
        asked.append(getattr(job.testbed.options, "time_scale", None))
        is_disturbed = job.testbed.name == "stack" and len(asked) <= disturbed
        code = ExitCode.INCONCLUSIVE if is_disturbed else ExitCode.OK
        return JobResult(job.loaded.scenario.name, job.seed, problem="the machine stalled" * is_disturbed, code=code)

    monkeypatch.setattr(pairs, "run_job", run_job)
    heard: list[str] = []
    scenario = load_scenario("recommender/control-quiet")
    made = pairs.record_pair(scenario, 1, tmp_path, cast(EngineHost, None), report=heard.append)
    assert made.time_scale == time_scale
    assert made.stack.is_inconclusive == (disturbed == 2)
    assert len(heard) == lines
    assert asked == [5.0, *([2.5] if disturbed else []), None]


def test_nothing_runs_on_a_stack_on_which_something_was_not_put_back(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    left = JobResult("control-quiet", 1, problem="could not put back link.cut", code=ExitCode.NOT_REVERTED)
    monkeypatch.setattr(pairs, "run_job", lambda *_: left)
    with pytest.raises(NotRevertedError, match="could not put back"):
        pairs.record_pair(load_scenario("recommender/control-quiet"), 1, tmp_path, cast(EngineHost, None))


@pytest.mark.slow
def test_what_the_same_code_has_recorded_on_the_stack_is_answered_and_graded_and_not_made_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(published, "RUNS", tmp_path / "runs")
    path = tmp_path / "short.scenario.yaml"
    path.write_text(
        "schema_version: 1\nname: short\nsystem: recommender\nduration: 60s\n"
        "load: {stages: [{for: 60s, rate: 20/s}]}\n",
        encoding="utf-8",
    )
    loaded, root = load_scenario(path), tmp_path / "stack"
    with EngineHost() as host:
        assert published.made_before(loaded, 1, root, host, 5.0) is None
        made = run_scenario(loaded, 1, root)
        made.path.rename(run_path(loaded, 1, root, choose("stack", {"time_scale": 2.5})))
        pair = published.made_before(loaded, 1, root, host, 5.0)
    assert pair is not None
    assert (pair.time_scale, pair.stack.reused) == (2.5, True)
    found = published.judged(row(problems=()), pair)
    assert (found.stack, found.expected, found.problems) == ("pass: healthy", "healthy", ())

"""The published table of scenarios on the stack: what is in it, what fails it, and what excuses a difference."""

from __future__ import annotations

import json
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import cast

import pytest

from lab.content.stack import parts
from lab.engines.host import EngineHost
from lab.errors import ExitCode, NotRevertedError
from lab.files.finding import shipped_names
from lab.runs.campaign import Job, JobResult
from lab.runs.runner import run_path, run_scenario
from lab.scenario import load_scenario
from lab.testbeds.installed import choose
from lab.testbeds.stack.feasible import problems_of
from lab.testbeds.stack.files import files_of, system_file
from scripts import pairs, stack_page, stack_scenarios
from scripts.figures import between
from scripts.stack_page import Known, Row, exit_code, kept_rows, read_known, sections, table
from scripts.stack_scenarios import stack_digest
from tests.stack import test_fraud, test_scenarios
from tests.stack.recorded_pairs import Shorter

RIGHT = Row("recommender/feed-stall", 1, "c0de", "feed (feed-stall)", 5.0, 120.0, "pass: feed (feed-stall)",
            "pass: feed (feed-stall)", "1 of 1", 4, 4)  # fmt: skip
OTHER = "fallback_ratio of features.default_features"
OTHER_SIGN = f"{OTHER}: + / 0"


def row(**changes: object) -> Row:
    return Row(**{**asdict(RIGHT), **changes})


def test_the_page_shows_the_rows_that_are_kept() -> None:
    page = between(stack_page.PAGE.read_text(encoding="utf-8"), "scenarios")
    assert page == sections(list(kept_rows().values()), read_known())


def test_known_differences_are_of_shipped_scenarios_and_each_has_a_reason() -> None:
    known = read_known()
    assert set(known) <= set(shipped_names(".scenario.yaml"))
    assert all(len(entry.why) > 40 for entry in known.values())


def test_nothing_is_brought_up_before_it_was_noted_what_is_there(monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[object] = []

    @contextmanager
    def held(*_: object, **how: object) -> Iterator[None]:
        asked.append(how)
        yield

    monkeypatch.setattr(stack_scenarios, "Session", lambda _: object())  # of which nothing can be asked
    monkeypatch.setattr(stack_scenarios, "held", held)
    monkeypatch.setattr(stack_scenarios, "run_one", lambda *_, **__: RIGHT)
    monkeypatch.setattr(stack_scenarios, "publish", lambda _: None)
    assert stack_scenarios.main([RIGHT.scenario]) == ExitCode.OK
    assert asked == [{"anew": True}]


@pytest.mark.parametrize(
    ("system", "shorter"), [("recommender", test_scenarios.SHORTER), ("fraud", test_fraud.SHORTER)]
)
def test_what_ci_runs_on_the_stack_is_possible_there(system: str, shorter: dict[str, Shorter]) -> None:
    for name, how in shorter.items():
        loaded = how.of(load_scenario(f"{system}/{name}"))
        assert problems_of(loaded, pairs.TIME_SCALE) == []
        assert loaded.scenario.duration_s < 230


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
    known = {RIGHT.scenario: Known(frozenset({"parity"}), "a reason", frozenset({OTHER}))}
    assert exit_code([row(problems=("parity",), differing=(OTHER_SIGN,))], known) == ExitCode.OK
    more = (OTHER_SIGN, "error_ratio of features: 0 / +")
    assert exit_code([row(problems=("parity",), differing=more)], known) == ExitCode.FAILED
    assert exit_code([row(problems=("verdict",))], known) == ExitCode.FAILED
    assert exit_code([row(problems=("not run",), disturbed=True)], known) == ExitCode.INCONCLUSIVE


def test_the_table_says_what_differs_and_why() -> None:
    differing = row(problems=("parity",), differing=(OTHER_SIGN,), agreeing=3)
    assert "**3 of 4**" in table([differing], {}, 1)
    assert f"Seen: {OTHER_SIGN}. **Not explained.**" in table([differing], {}, 1)
    known = Known(frozenset({"parity"}), "The stack is faster.", frozenset({OTHER}))
    assert "The stack is faster." in table([differing], {RIGHT.scenario: known}, 1)


def test_each_system_has_its_own_section_which_counts_what_is_not_tried() -> None:
    text = sections([RIGHT, row(scenario="fraud/feed-stall")], {})
    assert text.index("## `fraud`") < text.index("## `recommender`")
    assert text.count("| feed-stall | 1 |") == 2
    assert "Not tried yet on the stack: 1 of the 2 that are shipped." in table([RIGHT], {}, 2)
    assert "Not tried yet" not in table([RIGHT], {}, 1)
    assert "Not run yet" in sections([RIGHT], {})


def test_scenarios_of_several_systems_run_on_one_stack_after_the_other(monkeypatch: pytest.MonkeyPatch) -> None:
    brought_up: list[str] = []

    @contextmanager
    def held(session: str, *_: object, **__: object) -> Iterator[None]:
        brought_up.append(session)
        yield

    monkeypatch.setattr(stack_scenarios, "Session", lambda system: system.name)
    monkeypatch.setattr(stack_scenarios, "held", held)
    monkeypatch.setattr(stack_scenarios, "run_one", lambda loaded, *_, **__: row(scenario=loaded.scenario.name))
    monkeypatch.setattr(stack_scenarios, "publish", lambda _: None)
    assert stack_scenarios.main(["fraud/control-quiet", "fraud/default-rows", "recommender/feed-stall"]) == ExitCode.OK
    assert brought_up == ["fraud", "recommender"]


def test_published_rows_come_back_as_they_were(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    page, figures = tmp_path / "page.md", tmp_path / "figures" / "rows.json"
    page.write_text("<!-- scenarios: begin -->\n\n<!-- scenarios: end -->\n", encoding="utf-8")
    monkeypatch.setattr(stack_page, "PAGE", page)
    monkeypatch.setattr(stack_page, "FIGURES", figures)
    rows = {RIGHT.scenario: row(problems=("parity",), differing=(OTHER_SIGN,))}
    stack_page.publish(rows)
    assert kept_rows() == rows
    assert json.loads(figures.read_text(encoding="utf-8"))["schema_version"] == 1
    assert "feed-stall" in page.read_text(encoding="utf-8")


def test_recordings_of_other_code_are_not_taken_for_those_of_this(tmp_path: Path) -> None:
    for place in ("lab/testbeds/stack", "services"):
        (tmp_path / place).mkdir(parents=True)
    systems = sorted(parts())
    for file in (file for system in systems for file in files_of(system)):
        (tmp_path / file).write_text("services: {}\n", encoding="utf-8")

    def digests() -> list[str]:
        return [stack_digest(system, tmp_path) for system in systems]

    before = digests()
    assert digests() == before
    (tmp_path / system_file(systems[0])).write_text("services: {more: {}}\n", encoding="utf-8")
    only_the_first = digests()
    assert [one != other for one, other in zip(before, only_the_first, strict=True)] == [True, False]
    (tmp_path / "services" / "new.py").write_text("", encoding="utf-8")
    assert all(one != other for one, other in zip(digests(), only_the_first, strict=True))


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
    monkeypatch.setattr(stack_scenarios, "RUNS", tmp_path / "runs")
    path = tmp_path / "short.scenario.yaml"
    path.write_text(
        "schema_version: 1\nname: short\nsystem: recommender\nduration: 60s\n"
        "load: {stages: [{for: 60s, rate: 20/s}]}\n",
        encoding="utf-8",
    )
    loaded, root = load_scenario(path), tmp_path / "stack"
    with EngineHost() as host:
        assert stack_scenarios.made_before(loaded, 1, root, host, 5.0) is None
        made = run_scenario(loaded, 1, root)
        made.path.rename(run_path(loaded, 1, root, choose("stack", {"time_scale": 2.5})))
        pair = stack_scenarios.made_before(loaded, 1, root, host, 5.0)
    assert pair is not None
    assert (pair.time_scale, pair.stack.reused) == (2.5, True)
    found = stack_scenarios.judged(row(problems=()), pair)
    assert (found.stack, found.expected, found.problems) == ("pass: healthy", "healthy", ())

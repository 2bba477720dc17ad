"""What every driver promises, as tests. A test module runs them against a driver that it names by a fixture `case`:

    from lab.driver_suite import *
    from lab.driver_suite import Case

    @pytest.fixture(scope="module")
    def case() -> Case:
        return Case(choose("mine"), load_scenario(...), lambda testbed: testbed.read(LinkCut, "a->b") is not None)

`made` is one run of the case's scenario, looked at on its way: real testbeds take real time. docs/plugins.md says more.
"""

from __future__ import annotations

import json
import random
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from lab.errors import Problem
from lab.injection.levers import Json, Testbed, Undo, lever_type
from lab.injection.levers.testbed import Event
from lab.recording.cut import cut
from lab.recording.observed import Observed
from lab.recording.opening import open_run
from lab.runs.runner import run_scenario
from lab.scenario import FaultUse, LoadedScenario
from lab.testbeds.driver import Deed, Driver, Recorded, Session
from lab.testbeds.installed import Chosen, drivers, load_driver

SLACK_S = 3.0
"""Real seconds by which a testbed in real time may be late, on a busy machine."""


@dataclass(frozen=True)
class Case:
    """A driver and a scenario for it: one fault in the middle, whose lever reads as pulled while it is in."""

    chosen: Chosen
    loaded: LoadedScenario
    is_in: Callable[[Testbed], bool]
    other: LoadedScenario | None = None
    """A scenario with a lever that the driver lacks, or a system that it does not run; None where it can do all."""

    @property
    def driver(self) -> Driver[Any]:
        return self.chosen.driver

    @property
    def fault(self) -> FaultUse:
        return self.loaded.scenario.faults[0]

    @property
    def slack_s(self) -> float:
        """Scenario seconds by which what is asked for may be late."""
        return SLACK_S * float(getattr(self.chosen.options, "time_scale", 0.0))

    def open(self, seed: int = 1) -> AbstractContextManager[Session]:
        return self.driver.open(self.loaded, seed, self.chosen.options)


@dataclass
class Made:
    """What was seen of a run on its way, and what came of it."""

    recorded: Recorded
    times_s: list[float] = field(default_factory=list)
    windows: dict[str, tuple[float, float]] = field(default_factory=dict)
    reads: list[bool] = field(default_factory=list)
    active: list[list[str]] = field(default_factory=list)
    seen: dict[float, Observed] = field(default_factory=dict)
    ended: str = ""


@pytest.fixture(scope="module")
def made(case: Case) -> Made:
    """One run: looked at in the middle of the fault, and finished."""
    fault, duration_s = case.fault, case.loaded.scenario.duration_s
    with case.open() as session:
        made = Made(Recorded(Observed({}, {}, [], []), {}))

        def note() -> None:
            made.times_s.append(session.now_s)
            made.reads.append(case.is_in(session.levers))
            made.active.append(list(session.active))

        note()
        session.advance(fault.at_s)
        note()
        session.inject(fault)
        note()
        session.advance(fault.at_s + fault.for_s / 2)
        session.advance(fault.at_s)  # not back
        note()
        # Before the fault: where time is compressed, spans that a fault draws out end later than their lengths say.
        look_s = fault.at_s - session.settles_s - case.loaded.system.scrape_interval_s
        made.seen[look_s] = session.observed(look_s)
        session.advance(fault.at_s + fault.for_s)
        session.revert(fault)
        session.revert(fault)  # is out already
        note()
        session.advance(duration_s + 100)  # not beyond the end
        note()
        made.recorded = session.finish()
        made.windows, made.ended = dict(session.windows), session.ended
    return made


def test_it_is_found_by_its_name_and_says_what_it_is(case: Case) -> None:
    driver = load_driver(case.chosen.name)
    assert drivers()[case.chosen.name] is driver
    assert driver.summary
    assert driver.levers
    assert all(info.description for info in driver.options.model_fields.values()), "shown by --help"


def test_it_finds_nothing_wrong_with_what_it_can_run(case: Case) -> None:
    assert case.chosen.problems(case.loaded) == []


def test_what_it_cannot_run_is_refused_before_anything_starts(case: Case) -> None:
    if case.other is None:
        return
    problems = case.chosen.problems(case.other)
    assert problems
    assert all(isinstance(problem, Problem) and problem.what for problem in problems)


def test_time_goes_where_it_is_asked_to_and_never_back(case: Case, made: Made) -> None:
    fault, duration_s = case.fault, case.loaded.scenario.duration_s
    assert made.ended == ""
    assert made.times_s[0] <= 0
    assert made.times_s == sorted(made.times_s)
    wanted = [fault.at_s, fault.at_s, fault.at_s + fault.for_s / 2, fault.at_s + fault.for_s, duration_s]
    for reached_s, wanted_s in zip(made.times_s[1:], wanted, strict=True):
        assert wanted_s - 0.01 <= reached_s <= wanted_s + case.slack_s


def test_a_fault_is_in_from_its_injection_until_it_is_reverted(case: Case, made: Made) -> None:
    assert made.reads == [False, False, True, True, False, False]
    assert made.active == [[], [], [case.fault.id], [case.fault.id], [], []]
    began_s, ended_s = made.windows[case.fault.id]
    assert case.fault.at_s <= began_s + 0.01
    assert began_s + case.fault.for_s - case.slack_s <= ended_s <= case.fault.at_s + case.fault.for_s + case.slack_s


def test_what_was_seen_on_the_way_is_what_the_recording_has_by_then(case: Case, made: Made) -> None:
    for at_s, seen in made.seen.items():
        assert seen.end_s == pytest.approx(at_s)
        later = cut(made.recorded.observed, at_s)
        for table in ("spans", "metrics", "logs"):
            assert _rows(seen, table) == _rows(later, table), table
        assert len(_rows(seen, "metrics")) > 0


def _rows(observed: Observed, table: str) -> set[str]:
    if table not in observed.tables:
        return set()
    return {json.dumps(row, sort_keys=True, default=str) for row in observed.tables[table].to_pylist()}


def test_the_finished_run_has_its_windows_its_journal_and_its_control(case: Case, made: Made) -> None:
    recorded = made.recorded
    assert recorded.flaw == ""
    assert recorded.windows == made.windows
    assert recorded.observed.end_s == case.loaded.scenario.duration_s
    times = [entry["time_s"] for entry in recorded.events]
    assert times == sorted(times)
    events = [entry["event"] for entry in recorded.events]
    assert events.count("intent") == events.count("applied") == events.count("reverted") > 0
    json.dumps([recorded.events, recorded.meta])
    assert (recorded.twin is not None) == case.driver.is_repeatable


def test_leaving_puts_everything_back_whatever_happens(case: Case) -> None:
    session: Session
    with suppress(ZeroDivisionError), case.open() as session:
        session.inject(case.fault)
        assert case.is_in(session.levers)
        levers, journal = session.levers, Journal(session.levers)
        raise ZeroDivisionError
    assert session.active == {}
    assert journal.events[-1] == "reverted"
    with suppress(Exception):  # a testbed may be gone with its session
        assert not case.is_in(levers)


def test_a_lever_that_a_person_sets_ends_the_fault_that_held_it(case: Case) -> None:
    def put_at_rest(testbed: Testbed) -> None:
        for hold in testbed.holds:
            testbed.settle(hold.undo.element, lever_type(hold.undo.lever))

    with case.open() as session:
        session.inject(case.fault)
        began_s, _ = session.windows[case.fault.id]
        session.act(Deed(session.now_s, put_at_rest))
        assert session.active == {}
        assert not case.is_in(session.levers)
        assert began_s <= session.windows[case.fault.id][1] <= began_s + case.slack_s
        journal = Journal(session.levers)
        session.revert(case.fault)
        assert journal.events == []


class Journal:
    """The events that a testbed journals from now on."""

    def __init__(self, testbed: Testbed) -> None:
        self.events: list[str] = []
        journal = testbed.journal

        def noted(event: Event, undo: Undo, value: Json | None) -> None:
            self.events.append(event)
            journal(event, undo, value)

        testbed.journal = noted  # type: ignore[method-assign]


def test_nothing_is_left_to_recover_and_asking_again_changes_nothing(case: Case, made: Made) -> None:
    assert case.driver.recover(case.chosen.options) == []
    assert case.driver.recover(case.chosen.options) == []


def test_a_stop_condition_ends_the_run_early(case: Case) -> None:
    scenario = case.loaded.scenario
    never_steady = {"stop_when": [{"sli": "latency_p95_s", "above": "0s", "for": "5s"}]}
    safety = type(scenario.safety).model_validate(never_steady)
    hasty = replace(case.loaded, scenario=scenario.model_copy(update={"safety": safety, "faults": ()}))
    with case.driver.open(hasty, 1, case.chosen.options) as session:
        session.advance(scenario.duration_s)
        assert "latency_p95_s was" in session.ended
        assert session.now_s < scenario.duration_s
        recorded = session.finish()
    assert recorded.observed.end_s < scenario.duration_s


def test_a_run_that_is_finished_early_has_a_recording_that_ends_then(case: Case) -> None:
    early_s = 2 * case.loaded.system.scrape_interval_s
    with case.open() as session:
        session.advance(early_s)
        recorded = session.finish()
    assert early_s <= recorded.observed.end_s <= early_s + case.slack_s
    assert recorded.windows == {}


def test_how_time_is_cut_into_steps_and_looked_at_changes_no_byte(case: Case, tmp_path: Path) -> None:
    """Of testbeds whose runs can be made again; others have the time before as control."""
    if not case.driver.is_repeatable:
        return
    fault, duration_s = case.fault, case.loaded.scenario.duration_s
    steps = random.Random(4)
    for name in ("whole", "in steps"):
        with case.open() as session:
            for until_s, then in ((fault.at_s, session.inject), (fault.at_s + fault.for_s, session.revert)):
                while name == "in steps" and session.now_s < until_s - 1:
                    session.advance(min(until_s, session.now_s + steps.choice([0.001, 0.7, 5.0, 13.37])))
                    if session.now_s > 10:
                        session.observed(session.now_s - steps.choice([0.0, 5.0]))
                session.advance(until_s)
                then(fault)
            session.advance(duration_s)
            session.finish().observed.write(tmp_path / name)
    assert _bytes(tmp_path / "whole") == _bytes(tmp_path / "in steps")


def _bytes(directory: Path) -> dict[str, bytes]:
    files = (path for path in directory.rglob("*") if path.is_file())
    return {str(path.relative_to(directory)): path.read_bytes() for path in files}


def test_the_runner_leaves_a_whole_recording_of_it(case: Case, tmp_path: Path) -> None:
    run = open_run(run_scenario(case.loaded, 1, tmp_path, case.chosen).path)
    assert (run.status, run.meta["testbed"]) == ("complete", case.chosen.name)
    assert run.meta["testbed_options"] == case.chosen.recorded()
    (fault,) = run.truth().faults
    assert fault.injected_s == pytest.approx(case.fault.at_s, abs=case.slack_s + 0.01)
    assert fault.witnessed, fault.witnesses

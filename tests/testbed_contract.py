"""What every testbed promises about its levers: what is pulled reads as pulled, and goes back, whatever happens.

A test module imports it all and gives the fixtures: `testbed`, at rest; `lever`, each that has a place in its system;
`injection`, each fault and decoy, as a function of a testbed that injects it and returns a context.

A pull that leads to a value of the testbed's own choosing (a deployed version gets the next number) reads differently
from before, and goes back all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from typing import Any

import pytest

from lab.injection.faults import fault_type
from lab.injection.levers import Claim, Json, LeverValue, ModelDeploy, Place, Testbed, Undo, lever_type, lever_types
from lab.scenario import LoadedScenario
from lab.systems.topology import System
from lab.testbeds.contents import content_levers

Injection = Callable[[Testbed], AbstractContextManager[Claim]]


def placed(system: System) -> list[type[LeverValue]]:
    """The levers that have a place in a system; those of content have none where there is no world."""
    return [lever for lever in lever_types().values() if next(lever.places(system), None)]


def possible(system: System) -> list[type[LeverValue]]:
    """Those of them that the system's world has, where they are of content."""
    table = content_levers(system)
    return [lever for lever in placed(system) if not lever.is_content or table is None or lever in table]


def injecting(loaded: LoadedScenario) -> Injection:
    """What injects the one fault or decoy of a scenario."""
    (use,) = (*loaded.scenario.faults, *loaded.scenario.decoys)
    return lambda testbed: fault_type(use.type).inject(testbed, use.target, use.parameters)


def example(lever: type[LeverValue], testbed: Testbed) -> tuple[str, LeverValue]:
    """A place in the testbed's system where a lever is, and a value that changes something there."""
    element = next(iter(lever.places(testbed.system)))
    return element, lever.example(testbed.system, Place.parse(element))


class Spy:
    """What a testbed is asked to write and to journal, in order."""

    def __init__(self, testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.undos: list[Undo] = []
        write, journal = testbed.write, testbed.journal

        def spied_write(lever: Any, element: str, value: Any) -> None:
            self.events.append("write")
            write(lever, element, value)

        def spied_journal(event: Any, undo: Undo, value: Json | None) -> None:
            self.events.append(event)
            if event == "intent":
                self.undos.append(undo)
            journal(event, undo, value)

        monkeypatch.setattr(testbed, "write", spied_write)
        monkeypatch.setattr(testbed, "journal", spied_journal)


def test_a_lever_reads_as_pulled_and_goes_back(testbed: Testbed, lever: type[LeverValue]) -> None:
    element, value = example(lever, testbed)
    before = testbed.read(lever, element)
    with testbed.pull(element, value):
        during = testbed.read(lever, element)
        assert during != before
        assert during == value or issubclass(lever, ModelDeploy)  # which reads as the version that was trained
    assert testbed.read(lever, element) == before


def test_a_lever_goes_back_from_its_serialised_undo_as_often_as_wanted(
    testbed: Testbed, lever: type[LeverValue], monkeypatch: pytest.MonkeyPatch
) -> None:
    element, value = example(lever, testbed)
    before = testbed.read(lever, element)
    spy = Spy(testbed, monkeypatch)
    context = testbed.pull(element, value)
    context.__enter__()
    (undo,) = spy.undos
    kept = json.dumps(asdict(undo))
    for _ in range(2):
        testbed.revert(Undo(**json.loads(kept)))
        assert testbed.read(lever, element) == before
    context.__exit__(None, None, None)
    assert testbed.read(lever, element) == before


def test_a_lever_goes_back_to_the_value_before_and_not_to_none(testbed: Testbed, lever: type[LeverValue]) -> None:
    element, value = example(lever, testbed)
    with testbed.pull(element, value):
        outer = testbed.read(lever, element)
        with testbed.pull(element, value):
            pass
        assert testbed.read(lever, element) == outer


def test_the_journal_knows_before_the_world_does(
    testbed: Testbed, lever: type[LeverValue], monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(testbed, monkeypatch)
    with testbed.pull(*example(lever, testbed)):
        assert spy.events == ["intent", "write", "applied"]
    assert spy.events == ["intent", "write", "applied", "write", "reverted"]


def test_an_exception_inside_reverts(testbed: Testbed, lever: type[LeverValue]) -> None:
    element, value = example(lever, testbed)
    before = testbed.read(lever, element)
    with pytest.raises(ZeroDivisionError), testbed.pull(element, value):
        raise ZeroDivisionError
    assert testbed.read(lever, element) == before


def now(testbed: Testbed, undo: Undo) -> Json | None:
    """How a lever reads, as an undo has it."""
    value = testbed.read(lever_type(undo.lever), undo.element)
    return value.to_json() if value is not None else None


def test_a_fault_leaves_every_lever_as_it_was(
    testbed: Testbed, injection: Injection, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(testbed, monkeypatch)
    with injection(testbed):
        assert spy.undos, "a fault pulls at least one lever"
        assert all(now(testbed, undo) != undo.previous for undo in spy.undos)
    assert all(now(testbed, undo) == undo.previous for undo in spy.undos)
    with suppress(RuntimeError), injection(testbed):
        raise RuntimeError("the run was aborted")
    assert all(now(testbed, undo) == undo.previous for undo in spy.undos)


def test_a_lever_that_a_person_sets_ends_every_hold_of_it(testbed: Testbed, lever: type[LeverValue]) -> None:
    element, value = example(lever, testbed)
    rest = testbed.read(lever, element)
    with testbed.pull(element, value):
        with testbed.pull(element, value):
            testbed.settle(element, lever)
            assert testbed.read(lever, element) == rest
        assert testbed.read(lever, element) == rest
    assert testbed.read(lever, element) == rest
    assert list(testbed.holds) == []


def test_a_value_that_a_person_sets_stays_and_goes_back_at_the_end(testbed: Testbed, lever: type[LeverValue]) -> None:
    element, value = example(lever, testbed)
    rest = testbed.read(lever, element)
    with testbed.pull(element, value):
        testbed.settle(element, lever, value)
        theirs = testbed.read(lever, element)
    assert testbed.read(lever, element) == theirs != rest
    testbed.put_back_settled()
    assert testbed.read(lever, element) == rest


def test_what_is_pulled_after_a_person_set_it_goes_back_to_what_they_set(
    testbed: Testbed, lever: type[LeverValue]
) -> None:
    element, value = example(lever, testbed)
    testbed.settle(element, lever, value)
    theirs = testbed.read(lever, element)
    with testbed.pull(element, value):
        pass
    assert testbed.read(lever, element) == theirs
    testbed.settle(element, lever)
    assert list(testbed.holds) == []


def test_a_person_ends_the_hold_of_one_place_alone(testbed: Testbed, lever: type[LeverValue]) -> None:
    here, *elsewhere = list(lever.places(testbed.system))[:2]
    for there in elsewhere:
        value = lever.example(testbed.system, Place.parse(there))
        with testbed.pull(there, value):
            during = testbed.read(lever, there)
            testbed.settle(here, lever)
            assert testbed.read(lever, there) == during


def test_the_journal_has_nothing_open_after_a_person_put_a_lever_at_rest(
    testbed: Testbed, lever: type[LeverValue], monkeypatch: pytest.MonkeyPatch
) -> None:
    element, value = example(lever, testbed)
    spy = Spy(testbed, monkeypatch)
    with testbed.pull(element, value):
        testbed.settle(element, lever)
    assert spy.events.count("intent") == spy.events.count("reverted") == len(spy.undos)


def test_a_fault_whose_every_lever_a_person_set_does_nothing_more(
    testbed: Testbed, injection: Injection, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy, done = Spy(testbed, monkeypatch), []
    with injection(testbed):
        for undo in spy.undos.copy():
            testbed.settle(undo.element, lever_type(undo.lever))
        before = [now(testbed, undo) for undo in spy.undos]
        monkeypatch.setattr(testbed, "perform", lambda *act: done.append(act))
        spy.events.clear()
    assert (spy.events, done) == ([], [])
    assert [now(testbed, undo) for undo in spy.undos] == before


def test_a_fault_of_which_a_person_set_no_lever_ends_as_ever(
    testbed: Testbed, injection: Injection, monkeypatch: pytest.MonkeyPatch
) -> None:
    spy = Spy(testbed, monkeypatch)
    with injection(testbed) as claim:
        held = {(undo.lever, undo.element) for undo in spy.undos}
        for lever in possible(testbed.system):
            for element in lever.places(testbed.system):
                if (lever.name, element) not in held:
                    testbed.settle(element, lever)
        assert not claim.is_over
    assert all(now(testbed, undo) == undo.previous for undo in spy.undos)

"""What every testbed promises about its levers: what is pulled reads as pulled, and goes back, whatever happens.

The same suite for each testbed. A pull that leads to a value of the testbed's own choosing (a deployed version
gets the next number) reads differently from before, and goes back all the same.
"""

from __future__ import annotations

import json
from collections.abc import Callable
from contextlib import AbstractContextManager, suppress
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from lab.errors import UserError
from lab.injection.dry_run import PlanTestbed
from lab.injection.faults import fault_type, fault_types
from lab.injection.levers import LEVERS, Testbed, Undo, Value
from lab.systems.files import load_system
from lab.testbeds.sim import SimTestbed
from tests.sim_runs import DECOYS, FAULTS, scenario

Pull = Callable[[Testbed], AbstractContextManager[None]]

# By lever: an element, a pull through the facade, and how the lever reads while pulled (None: as the testbed decides).
PULLS: dict[str, tuple[str, Pull, Value]] = {
    "link.cut": (
        "features->db",
        lambda t: t.link("features->db").cut(direction="response", fraction=0.5),
        {"direction": "response", "fraction": 0.5},
    ),
    "link.delay": (
        "features->db",
        lambda t: t.link("features->db").delay(0.1, 0.02),
        {"latency_s": 0.1, "jitter_s": 0.02, "fraction": 1.0},
    ),
    "link.drop": ("feed->cache", lambda t: t.link("feed->cache").drop(0.5), {"fraction": 0.5}),
    "link.reset": ("features->model", lambda t: t.link("features->model").reset(0.1), {"fraction": 0.1}),
    "link.throttle": ("features->db", lambda t: t.link("features->db").throttle(5e4), {"bytes_per_s": 5e4}),
    "component.stop": ("rules", lambda t: t.component("rules").stop(), True),
    "component.pause": ("model", lambda t: t.component("model").pause(), True),
    "component.slow": ("db", lambda t: t.component("db").slow(3.0), {"factor": 3.0}),
    "component.limit": (
        "features",
        lambda t: t.component("features").limit(cpu=0.5, workers=2),
        {"cpu": 0.5, "workers": 2},
    ),
    "table.column": (
        "db/users.age_years",
        lambda t: t.table("db", "users").change_column("age_years", "rename", to="age"),
        {"change": "rename", "to": "age"},
    ),
    "table.slow": ("db/users", lambda t: t.table("db", "users").slow(0.05), {"seconds": 0.05}),
    "table.lock": ("db/users", lambda t: t.table("db", "users").lock(), True),
    "feed.freeze": ("feed", lambda t: t.feed("feed").freeze(), True),
    "feed.delay": ("feed", lambda t: t.feed("feed").delay(30.0), {"seconds": 30.0}),
    "cache.freeze": ("cache", lambda t: t.cache("cache").freeze(fraction=0.4), {"fraction": 0.4}),
    "cache.mix-keys": ("cache", lambda t: t.cache("cache").mix_keys(0.2), {"fraction": 0.2}),
    "model.deploy": ("model", lambda t: t.model("model").deploy("next-window"), None),
    "model.unload": ("model", lambda t: t.model("model").unload(), True),
    "config.set": (
        "features/steps.db_get.timeout_s",
        lambda t: t.config("features").set("steps.db_get.timeout_s", 0.5),
        {"value": 0.5},
    ),
    "population.shift": (
        "shoppers.age_years",
        lambda t: t.population("shoppers").shift("age_years", 0.5),
        {"factor": 0.5},
    ),
    "population.tastes": ("shoppers", lambda t: t.population("shoppers").change_tastes(0.5), {"fraction": 0.5}),
    "population.surge": ("shoppers", lambda t: t.population("shoppers").surge(5.0), {"rate_per_s": 5.0}),
    "population.bots": ("shoppers", lambda t: t.population("shoppers").bots(5.0), {"rate_per_s": 5.0}),
}


@pytest.fixture(params=["plan", "sim"])
def testbed(request: pytest.FixtureRequest, tmp_path: Path) -> Testbed:
    """Every testbed that is installed without more than this package, at rest."""
    if request.param == "plan":
        return PlanTestbed(load_system("recommender"))
    return SimTestbed(scenario(tmp_path, duration_s=30, rate_per_s=5), 1)


class Spy:
    """What a testbed is asked to write and to journal, in order."""

    def __init__(self, testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
        self.events: list[str] = []
        self.undos: list[Undo] = []
        write, journal = testbed.write, testbed.journal

        def spied_write(lever: str, element: str, value: Value) -> None:
            self.events.append("write")
            write(lever, element, value)

        def spied_journal(event: str, undo: Undo, value: Value) -> None:
            self.events.append(event)
            if event == "intent":
                self.undos.append(undo)
            journal(event, undo, value)

        monkeypatch.setattr(testbed, "write", spied_write)
        monkeypatch.setattr(testbed, "journal", spied_journal)


def test_every_lever_is_pulled_here() -> None:
    assert set(PULLS) == set(LEVERS)


@pytest.mark.parametrize("lever", PULLS)
def test_a_lever_reads_as_pulled_and_goes_back(testbed: Testbed, lever: str) -> None:
    element, pull, pulled = PULLS[lever]
    before = testbed.read(lever, element)
    with pull(testbed):
        during = testbed.read(lever, element)
        assert during != before
        assert pulled is None or during == pulled
    assert testbed.read(lever, element) == before


@pytest.mark.parametrize("lever", PULLS)
def test_a_lever_goes_back_from_its_serialised_undo_as_often_as_wanted(
    testbed: Testbed, lever: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    element, pull, _ = PULLS[lever]
    before = testbed.read(lever, element)
    spy = Spy(testbed, monkeypatch)
    context = pull(testbed)
    context.__enter__()
    (undo,) = spy.undos
    kept = json.dumps(asdict(undo))
    for _ in range(2):
        testbed.revert(Undo(**json.loads(kept)))
        assert testbed.read(lever, element) == before
    context.__exit__(None, None, None)
    assert testbed.read(lever, element) == before


@pytest.mark.parametrize("lever", PULLS)
def test_the_journal_knows_before_the_world_does(testbed: Testbed, lever: str, monkeypatch: pytest.MonkeyPatch) -> None:
    spy = Spy(testbed, monkeypatch)
    with PULLS[lever][1](testbed):
        assert spy.events == ["intent", "write", "applied"]
    assert spy.events == ["intent", "write", "applied", "write", "reverted"]


@pytest.mark.parametrize("lever", PULLS)
def test_an_exception_inside_reverts(testbed: Testbed, lever: str) -> None:
    element, pull, _ = PULLS[lever]
    before = testbed.read(lever, element)
    with pytest.raises(ZeroDivisionError), pull(testbed):
        raise ZeroDivisionError
    assert testbed.read(lever, element) == before


def test_a_write_that_fails_is_reverted_too(testbed: Testbed, monkeypatch: pytest.MonkeyPatch) -> None:
    write = testbed.write

    def breaks_after_writing(lever: str, element: str, value: Value) -> None:
        write(lever, element, value)
        if value is not None:
            raise OSError("half done")

    monkeypatch.setattr(testbed, "write", breaks_after_writing)
    with pytest.raises(OSError, match="half done"), testbed.component("db").pause():
        pass
    assert testbed.read("component.pause", "db") is None


def test_nested_pulls_of_one_lever_unwind_in_order(testbed: Testbed) -> None:
    with testbed.link("features->db").drop(0.1):
        with testbed.link("features->db").drop(0.2):
            assert testbed.read("link.drop", "features->db") == {"fraction": 0.2}
        assert testbed.read("link.drop", "features->db") == {"fraction": 0.1}
    assert testbed.read("link.drop", "features->db") is None


def test_a_lever_is_pulled_on_one_element_alone(testbed: Testbed) -> None:
    with testbed.table("db", "users").lock(), testbed.component("db").pause():
        assert testbed.read("table.lock", "db/items") is None
        with testbed.table("db", "items").lock():
            pass
        assert testbed.read("table.lock", "db/users") is True
        assert testbed.read("component.pause", "model") is None


@pytest.mark.parametrize(
    ("lever", "element", "said"),
    [
        ("link.cutt", "features->db", "unknown lever 'link.cutt'\n  hint:     did you mean 'link.cut'?"),
        ("link.cut", "features->dbb", "did you mean 'features->db'?"),
        ("component.pause", "featurs", "did you mean 'features'?"),
        ("component.pause", "features->db", "is of kind link"),
        ("table.column", "db/user.age_years", "did you mean 'users'?"),
        ("cache.freeze", "db", "'db' is of kind database, not cache"),
        ("model.deploy", "rules", "'rules' is of kind service, not model"),
        ("feed.freeze", "features", "not job"),
        ("population.surge", "features", "not users"),
        ("config.set", "featurs/steps.db_get.timeout_s", "did you mean 'features'?"),
    ],
)
def test_what_does_not_exist_is_refused_with_the_nearest_name(
    testbed: Testbed, lever: str, element: str, said: str
) -> None:
    with pytest.raises(UserError) as reading:
        testbed.read(lever, element)
    with pytest.raises(UserError) as writing:
        testbed.write(lever, element, None)
    assert said in str(reading.value)
    assert said in str(writing.value)


@pytest.mark.parametrize(
    ("act", "element"), [("cache.flsh", "cache"), ("cache.flush", "db"), ("link.cut", "features->db")]
)
def test_an_act_that_does_not_exist_is_refused(testbed: Testbed, act: str, element: str) -> None:
    with pytest.raises(UserError):
        testbed.act(act, element, None)


def test_a_column_that_does_not_exist_is_refused_on_the_simulator_and_changes_nothing(tmp_path: Path) -> None:
    testbed = SimTestbed(scenario(tmp_path, duration_s=30, rate_per_s=5), 1)
    with pytest.raises(UserError, match="did you mean 'age_years'"):
        testbed.table("db", "users").change_column("age_year", "null", fraction=1.0).__enter__()
    with pytest.raises(UserError, match="did you mean 'age_years'"):
        testbed.population("shoppers").shift("age_year", 2.0).__enter__()
    assert testbed.read("table.column", "db/users.age_years") is None
    assert [entry["event"] for entry in testbed.journal_entries] == ["intent", "reverted"]


def test_every_registered_fault_and_decoy_has_a_use_here() -> None:
    used = {use["type"] for use in (*FAULTS.values(), *DECOYS.values())}
    assert used == set(fault_types())


@pytest.mark.parametrize("name", [*FAULTS, *DECOYS])
def test_a_fault_leaves_every_lever_as_it_was(
    testbed: Testbed, name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    use: Any = {**FAULTS, **DECOYS}[name]
    loaded = scenario(tmp_path, faults=[{**use, "at": "30s", "for": "30s"}]) if name in FAULTS else None
    loaded = loaded or scenario(tmp_path, decoys=[{**use, "at": "30s", "for": "30s"}])
    validated = (*loaded.scenario.faults, *loaded.scenario.decoys)[0]
    spy = Spy(testbed, monkeypatch)
    with fault_type(validated.type).inject(testbed, validated.target, validated.parameters):
        assert spy.undos, "a fault pulls at least one lever"
        assert all(testbed.read(undo.lever, undo.element) != undo.previous for undo in spy.undos)
    assert all(testbed.read(undo.lever, undo.element) == undo.previous for undo in spy.undos)
    with suppress(RuntimeError), fault_type(validated.type).inject(testbed, validated.target, validated.parameters):
        raise RuntimeError("the run was aborted")
    assert all(testbed.read(undo.lever, undo.element) == undo.previous for undo in spy.undos)

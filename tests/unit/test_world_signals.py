"""Signals of a world: what it registers is computed, checked and shown; what several worlds share is one signal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lab.errors import UserError
from lab.injection.faults import fault_type, witnesses_of
from lab.recording.observed import Observed
from lab.registration import world as worlds
from lab.registration.signals import Signals, SignalSpec, Witness
from lab.registration.world import World
from lab.signals import Series, catalogue, compute_signals, kept
from lab.signals.columns import Grid, Metrics
from lab.worlds.kit import features, predictions
from tests.sim_runs import observe, scenario

SPEC = SignalSpec("1", "component", "three at each scrape")
STRANGE = World(name="strange", title="", open="", signals=(Signals({"threes": SPEC}, f"{__name__}:threes"),))


def threes(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    yield grid.series("threes", observed.system["entry"], np.full(grid.count, 3.0))


def fours(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    yield grid.series("fours", "anything", np.full(grid.count, 4.0))


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Observed:
    return observe(scenario(tmp_path_factory.mktemp("strange"), duration_s=60, rate_per_s=10))


def of_world(observed: Observed, name: str | None) -> Observed:
    return replace(observed, system={**observed.system, "world": name})


@pytest.fixture
def installed(monkeypatch: pytest.MonkeyPatch) -> list[World]:
    """The worlds that are installed: they may be changed."""
    found = [STRANGE]
    monkeypatch.setattr(worlds, "registration_of", lambda name: next((w for w in found if w.name == name), None))
    monkeypatch.setattr(catalogue, "registrations", lambda: found)
    return found


def test_a_world_s_signals_come_beside_those_of_every_system(recorded: Observed, installed: list[World]) -> None:
    core, both = (compute_signals(of_world(recorded, name)) for name in (None, "strange"))
    assert both.names() - core.names() == {"threes"}
    assert len(both) == len(core) + 1
    found = both.get("threes", recorded.system["entry"])
    assert found is not None
    assert set(found.values) == {3.0}


def test_a_world_that_is_not_installed_is_named_with_what_to_do(recorded: Observed, installed: list[World]) -> None:
    with pytest.raises(UserError, match="'elsewhere' is not installed") as refused:
        compute_signals(of_world(recorded, "elsewhere"))
    assert "install the distribution" in refused.value.problems[0].hint


def test_a_signal_that_is_in_no_catalogue_is_refused(recorded: Observed, installed: list[World]) -> None:
    installed[:] = [replace(STRANGE, signals=(Signals({"threes": SPEC}, f"{__name__}:fours"),))]
    with pytest.raises(UserError, match="'strange' computed signals that it has not registered") as refused:
        compute_signals(of_world(recorded, "strange"))
    assert refused.value.problems[0].seen == "fours"


UNFIT: dict[str, Any] = {
    "another thing": "threes",
    "too few values": Series("threes", "front", np.ones(3), np.ones(3)),
    "texts": Series("threes", "front", np.ones(12), np.array(["3"] * 12)),
    "a list": Series("threes", "front", np.ones(12), [3.0] * 12),  # type: ignore[arg-type]
    "beyond all numbers": Series("threes", "front", np.ones(12), np.full(12, np.inf)),
    "of a number": Series("threes", 7, np.ones(12), np.ones(12)),  # type: ignore[arg-type]
    "of nobody, and nothing known": Series("threes", None, np.ones(12), np.full(12, np.nan)),  # type: ignore[arg-type]
}


def unfit(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    yield UNFIT[observed.system["name"]]


@pytest.mark.parametrize("what", UNFIT)
def test_what_is_no_signal_is_refused_and_what_tells_nothing_is_left_out(
    recorded: Observed, installed: list[World], what: str
) -> None:
    installed[:] = [replace(STRANGE, signals=(Signals({"threes": SPEC}, f"{__name__}:unfit"),))]
    of = replace(recorded, system={**recorded.system, "world": "strange", "name": what})
    if "nothing known" in what:
        assert "threes" not in compute_signals(of).names()
        return
    with pytest.raises(UserError, match="'strange' computed what is no signal"):
        compute_signals(of)


def test_worlds_may_share_a_signal_but_not_give_one_name_to_two(installed: list[World]) -> None:
    installed.append(replace(STRANGE, name="stranger"))
    assert catalogue.known_signals()["threes"] == SPEC
    installed[1] = replace(STRANGE, name="stranger", signals=(Signals({"threes": SPEC._replace(unit="s")}, "x:y"),))
    with pytest.raises(UserError, match="two signals are called 'threes'") as refused:
        catalogue.known_signals()
    assert refused.value.problems[0].seen == "one of world 'strange', another of world 'stranger'"
    installed[:] = [replace(STRANGE, signals=(Signals({"error_ratio": SPEC}, "x:y"),))]
    with pytest.raises(UserError, match="'error_ratio'"):
        catalogue.known_signals()


def test_a_fault_shows_by_what_every_system_has_and_by_what_its_world_adds() -> None:
    own = Witness("threes", "{target}", 1.0)
    kind = fault_type("stale-cache")
    assert witnesses_of(kind, None) == kind.witnesses
    assert witnesses_of(kind, replace(STRANGE, witnesses={"stale-cache": (own,)})) == (*kind.witnesses, own)
    assert witnesses_of(kind, replace(STRANGE, witnesses={"feed-stall": (own,)})) == kind.witnesses


def test_a_signal_s_code_is_part_of_what_is_trusted_beside_a_recording(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Kept signals are of the code that computed them: the world's too."""
    package = tmp_path / "strange_signals"
    package.mkdir()
    for name in ("__init__", "own", "other"):
        (package / f"{name}.py").write_text("", encoding="utf-8")
    monkeypatch.syspath_prepend(tmp_path)
    world = replace(STRANGE, signals=(Signals({"threes": SPEC}, "strange_signals.own:series"),))
    monkeypatch.setattr(kept, "recorded_world", lambda name: world)
    made_by = kept._made_by.__wrapped__
    before = made_by("strange")
    assert made_by("strange") == before != made_by(None)
    (package / "other.py").write_text("CHANGED = 1\n", encoding="utf-8")
    assert made_by("strange") != before


# The kit: features of several tables, and a registry of several families of models.

ROWS: dict[str, list[Any]] = {
    "time_s": [1.0, 1.0, 2.0, 2.0, 7.0, 7.0],
    "table": ["cards", "shops", "cards", "shops", "cards", "shops"],
    "source": ["db", "cache", "db", "cache", "db", "cache"],
    "row_age_s": [1.0, 10.0, 3.0, 30.0, 5.0, 50.0],
    "entry_age_s": [None, 2.0, None, 4.0, None, 6.0],
    "feature.spent": [1.0, None, None, None, 2.0, None],
    "feature.turnover": [None, 5.0, None, 6.0, None, None],
}
COLUMNS = [{"name": "spent", "table": "cards"}, {"name": "turnover", "table": "shops"}]
CONTRACT = {"component": "db", "features": COLUMNS}


def kit_recording(rows: dict[str, list[Any]]) -> Observed:
    system = {"world": None, "scrape_interval_s": 5.0, "entry": "front", "components": {}, "links": {}}
    return Observed({**system, "duration_s": 10.0}, {"features": pa.table(rows)}, [], [], {"contract.json": CONTRACT})


def test_a_column_is_judged_by_the_rows_of_its_own_table() -> None:
    observed = kit_recording(ROWS)
    grid = Grid(observed)
    found = {(s.signal, s.subject): s.values.tolist() for s in features.series(observed, None, grid)}  # type: ignore[arg-type]
    assert found["feature_null_ratio", "spent"] == [0.5, 0.0]
    assert found["feature_null_ratio", "turnover"] == [0.0, 1.0]
    assert found["row_age_mean_s", "db"] == [2.0, 5.0]
    assert found["row_age_mean_s", "cache"] == [20.0, 50.0]


def test_an_entry_of_the_registry_is_scored_by_its_family() -> None:
    world = replace(STRANGE, models={"doubling": f"{__name__}:doubled"})
    inputs = [np.array([1.0, 2.0])]
    assert predictions._scored(world, {"version": 1}, inputs).tolist() == [2.0, 4.0]
    two = replace(world, models={**world.models, "logistic-regression": "lab.worlds.kit.logistic:score"})
    assert predictions._scored(two, {"version": 1, "family": "doubling"}, inputs).tolist() == [2.0, 4.0]
    for entry in ({"version": 1}, {"version": 1, "family": "forest"}):
        with pytest.raises(UserError, match="cannot score version 1"):
            predictions._scored(two, entry, inputs)


def doubled(entry: Any, inputs: Any) -> Any:
    return 2 * inputs[0]

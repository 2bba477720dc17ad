"""The same scenario and seed give the same bytes, and what is added to a scenario shifts no draw of what was there."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Mapping
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pandas as pd
import pytest

from lab.clock import NS
from lab.recording.observed import Observed
from lab.scenario import LoadedScenario, load_scenario
from lab.testbeds.sim import SimTestbed
from lab.testbeds.sim import telemetry as telemetry_module
from lab.testbeds.sim.plane import arrivals as arrivals_module
from lab.testbeds.sim.plane import build as build_module
from lab.testbeds.sim.session import SimSession
from tests.sim_runs import DECOYS, FAULTS, digests, observe, ran, scenario, text

BEGIN_S = 45.0
WITHIN: Mapping[str, str] = {"at": "45s", "for": "30s"}
WRITE = """
import sys
from pathlib import Path
from lab.scenario import load_scenario
from tests.sim_runs import observe

observe(load_scenario(Path(sys.argv[1])), int(sys.argv[2])).write(Path(sys.argv[3]))
"""
BUSY: Mapping[str, Any] = {
    "faults": [
        {**FAULTS["network-partition, mild"], **WITHIN},
        {**FAULTS["schema-corruption retypes to text"], **WITHIN},
    ],
    "decoys": [{**DECOYS["deploy"], "at": "40s"}, {**DECOYS["traffic-surge"], "at": "50s", "for": "20s"}],
}
PAYMENTS: Mapping[str, Any] = {
    "system": "fraud",
    "faults": [
        {"type": "model-regression", "target": "model", "with": {"share": "50%"}, **WITHIN},
        {**FAULTS["network-latency"], "target": "features->cache", "with": {"latency": "30ms"}, **WITHIN},
    ],
    "decoys": [{"type": "fraud-wave", "target": "payers", "at": "40s", "for": "30s"}],
}
"""A canary, calls that wait, and a world that is told to be another meanwhile."""
SYSTEMS = {"recommender": BUSY, "fraud": PAYMENTS}

CAMPAIGN: Mapping[str, Mapping[str, Any]] = {
    "late": {"faults": [{**FAULTS["network-latency"], "at": "45s", "for": "30s"}], "duration_s": 90},
    "quiet": {},
    "cut": {"faults": [{**FAULTS["network-partition"], "at": "25s", "for": "20s"}]},
}
TELLS_WHEN = {"_campaign.json", ".lock"}
"""Files that tell when a campaign began."""


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("determinism")


class Ran(NamedTuple):
    """A testbed after its run, for a look at its draws, and what could be observed of it."""

    testbed: SimTestbed
    observed: Observed

    @property
    def load(self) -> Any:
        """The base load's arrivals, and the key that names its draws."""
        return next(source for source in self.testbed._sources.all if source.name == "load")


def run(loaded: LoadedScenario) -> Ran:
    session, recorded = ran(loaded)
    return Ran(session.levers, recorded.observed)


@pytest.fixture(scope="module")
def base(folder: Path) -> Ran:
    """A control."""
    return run(scenario(folder, name="base"))


@pytest.fixture(scope="module", params=DECOYS)
def with_decoy(folder: Path, request: pytest.FixtureRequest) -> Ran:
    """The same with one decoy."""
    decoy = {**DECOYS[request.param], "at": f"{BEGIN_S}s"}
    return run(scenario(folder, name=f"with-{request.param}", decoys=[decoy]))


def written(
    folder: Path, name: str, *, content: Mapping[str, Any] = BUSY, hash_seed: str, cache: Path | None = None
) -> dict[str, str]:
    """Digests of `observed/` as a fresh process writes it."""
    path = folder / "busy.scenario.yaml"
    path.write_text(text(name="busy", **content), encoding="utf-8")
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed} | ({"LAB_CACHE_DIR": str(cache)} if cache else {})
    command = [sys.executable, "-c", WRITE, str(path), "1", str(folder / name)]
    subprocess.run(command, check=True, env=environment)
    return digests(folder / name)


@pytest.fixture(scope="module")
def usual(folder: Path) -> Callable[[str], dict[str, str]]:
    """Digests of a system's `observed/` as a process with one certain hash seed writes it, once."""
    return cache(lambda system: written(folder, f"{system}-usual", content=SYSTEMS[system], hash_seed="0"))


def before(observed: Observed, table: str, until_s: float) -> pd.DataFrame:
    """Rows of a table that were complete before a time, without the categories' coding."""
    frame = observed.frame(table)
    ends = frame["time_s"] + frame["duration_s"].fillna(0) if "duration_s" in frame else frame["time_s"]
    return frame[ends < until_s].astype(object).reset_index(drop=True)


def assert_same(one: pd.DataFrame, other: pd.DataFrame) -> None:
    assert len(one) > 0
    pd.testing.assert_frame_equal(one, other, check_exact=True)


def entry_calls(observed: Observed) -> dict[str, float]:
    """Start by trace id of what users called."""
    spans = observed.frame("spans")
    mine = spans[spans["service.name"] == observed.system["users"]]
    return dict(zip(mine["trace_id"], mine["time_s"], strict=True))


@pytest.mark.slow
@pytest.mark.parametrize("system", SYSTEMS)
def test_one_seed_gives_the_same_bytes_whatever_the_hash_seed(
    folder: Path, usual: Callable[[str], dict[str, str]], system: str
) -> None:
    one = usual(system)
    other = written(folder, f"{system}-other", content=SYSTEMS[system], hash_seed="4242")
    assert {"spans.parquet", "metrics.parquet", "logs.parquet", "features.parquet", "predictions.parquet"} <= set(one)
    assert {"system.json", "changes.jsonl", "alerts.jsonl", "reference/registry.json"} <= set(one)
    assert one == other


@pytest.mark.slow
def test_models_trained_just_now_or_kept_give_the_same_bytes(
    folder: Path, tmp_path: Path, usual: Callable[[str], dict[str, str]]
) -> None:
    cold = written(folder, "cold", hash_seed="1", cache=tmp_path)
    assert cold == written(folder, "warm", hash_seed="1", cache=tmp_path)
    assert cold == usual("recommender")
    assert len(list((tmp_path / "models").glob("*.npz"))) == 3
    assert len(list((tmp_path / "kernels").glob("*.o"))) == 2, "the kernels were compiled there too"


@pytest.mark.slow
def test_a_campaign_records_the_same_bytes_however_many_jobs_run_at_once(folder: Path) -> None:
    """Recordings, kept signals, verdicts and results; a worker has done other jobs before, in another order."""
    text_of = {
        name: text(name=name, **{"duration_s": 60, "rate_per_s": 8, **content}) for name, content in CAMPAIGN.items()
    }
    found = []
    for jobs in ("1", "3"):
        where = folder / f"jobs-{jobs}"
        where.mkdir()
        for name, content in text_of.items():
            (where / f"{name}.scenario.yaml").write_text(content, encoding="utf-8")
        command = [sys.executable, "-m", "lab", "run", ".", "--seeds", "2", "--engine", "rules", "--jobs", jobs]
        done = subprocess.run([*command, "-o", "results.json"], cwd=where, check=False, capture_output=True, text=True)
        assert (where / "results.json").is_file(), done.stderr
        found.append({name: digest for name, digest in digests(where).items() if not TELLS_WHEN & {Path(name).name}})
    assert sum(name.endswith("spans.parquet") for name in found[0]) >= 6
    assert found[1] == found[0]


SMALL = {(build_module, "SIDES"): 61, (build_module, "ROWS"): 64, (arrivals_module, "WINDOW"): 5,
         (telemetry_module, "COMMIT_NS"): 7 * NS, (telemetry_module, "ENOUGH_SIDES"): 0}  # fmt: skip
LARGE = {(build_module, "SIDES"): 1 << 16, (build_module, "ROWS"): 1 << 16, (arrivals_module, "WINDOW"): 1 << 14,
         (telemetry_module, "COMMIT_NS"): 1000 * NS, (telemetry_module, "ENOUGH_SIDES"): 1 << 20}  # fmt: skip


@pytest.mark.parametrize("system", SYSTEMS)
def test_sizes_of_blocks_and_windows_show_in_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, system: str
) -> None:
    path = tmp_path / "busy.scenario.yaml"
    path.write_text(text(name="busy", **SYSTEMS[system]), encoding="utf-8")
    loaded = load_scenario(path)
    found = []
    for i, sizes in enumerate(({}, SMALL, LARGE)):
        for (module, name), value in sizes.items():
            monkeypatch.setattr(module, name, value)
        observe(loaded).write(tmp_path / f"{i}")
        found.append(digests(tmp_path / f"{i}"))
    assert found[1] == found[0]
    assert found[2] == found[0]


@pytest.mark.parametrize("until_s", [40.0, 52.3])
def test_metrics_alone_are_those_of_a_look(folder: Path, until_s: float) -> None:
    with SimSession(scenario(folder, name="look"), 1) as session:
        session.advance(52.3)
        alone, seen = session.metrics(until_s), session.observed(until_s).metrics
        pd.testing.assert_frame_equal(alone.to_pandas(), seen.to_pandas(), check_exact=True)


def test_another_seed_gives_another_run(folder: Path, base: Ran) -> None:
    other = observe(scenario(folder, name="base"), 2)
    assert set(entry_calls(other)).isdisjoint(entry_calls(base.observed))
    assert list(entry_calls(other).values()) != list(entry_calls(base.observed).values())


def test_a_decoy_leaves_every_draw_of_the_load_unchanged(base: Ran, with_decoy: Ran) -> None:
    assert with_decoy.observed.changes, "the decoy was announced"
    one, other = base.load, with_decoy.load
    # Draws follow from keys of streams, requests, calls and attempts; nothing else of a run is in them.
    assert one.key == other.key
    np.testing.assert_array_equal(one.arrivals.times_ns(), other.arrivals.times_ns())
    users = [
        dict(zip(f["trace_id"], f["user_id"], strict=True))
        for f in (r.observed.frame("features") for r in (base, with_decoy))
    ]
    assert len(users[0]) > 1000
    assert users[0].items() <= users[1].items()


def test_with_a_decoy_the_same_requests_come_with_the_same_trace_ids(base: Ran, with_decoy: Ran) -> None:
    calls, calls_with = entry_calls(base.observed), entry_calls(with_decoy.observed)
    assert calls.items() <= calls_with.items()
    surge = any(change["kind"] == "campaign" for change in with_decoy.observed.changes)
    assert (len(calls_with) > len(calls)) == surge


@pytest.mark.parametrize("table", ["spans", "logs", "features", "predictions", "metrics"])
def test_until_a_decoy_begins_everything_is_as_without_it(base: Ran, with_decoy: Ran, table: str) -> None:
    assert_same(before(base.observed, table, BEGIN_S), before(with_decoy.observed, table, BEGIN_S))


def test_a_longer_scenario_begins_like_a_shorter_one(folder: Path, base: Ran) -> None:
    longer = observe(scenario(folder, name="longer", duration_s=130))
    for table in ("spans", "logs", "features", "metrics"):
        assert_same(before(base.observed, table, 85), before(longer, table, 85))
    # An outcome is known once its label window has closed: within the shorter run that is 30 s before its end.
    assert_same(before(base.observed, "predictions", 58), before(longer, "predictions", 58))


def test_the_stages_that_follow_leave_the_first_one_unchanged(folder: Path, base: Ran) -> None:
    stages = [{"for": "50s", "rate": "20/s"}, {"for": "40s", "rate": "35/s"}]
    staged = observe(scenario(folder, name="staged", load={"stages": stages}))
    assert_same(before(base.observed, "spans", 50), before(staged, "spans", 50))


@pytest.mark.slow
@pytest.mark.parametrize(
    "name", ["network-partition", "stale-cache", "model-regression", "schema-corruption nulls, mild"]
)
def test_until_the_fault_begins_the_twin_is_the_run(folder: Path, name: str) -> None:
    decoys = [{**DECOYS["traffic-surge"], "at": "20s"}]
    loaded = scenario(folder, name="twin", faults=[{**FAULTS[name], **WITHIN}], decoys=decoys)
    run, twin = observe(loaded), observe(loaded, without="f1")
    for table in ("spans", "logs", "features", "metrics"):
        assert_same(before(run, table, BEGIN_S), before(twin, table, BEGIN_S))
    shown = ["time_s", "trace_id", "item_id", "position", "model_version", "score", "outcome", "label_delay_s"]
    assert_same(before(run, "predictions", BEGIN_S)[shown], before(twin, "predictions", BEGIN_S)[shown])
    assert run.alerts == twin.alerts or run.alerts[0]["time_s"] >= BEGIN_S


def test_after_it_begins_the_same_requests_come_all_the_same(folder: Path) -> None:
    loaded = scenario(folder, name="twin", faults=[{**FAULTS["network-partition"], **WITHIN}])
    run, twin = observe(loaded), observe(loaded, without="f1")
    assert entry_calls(run) == entry_calls(twin)
    spans, twin_spans = before(run, "spans", 90), before(twin, "spans", 90)
    assert len(spans) > len(twin_spans), "every failed look-up was tried again"

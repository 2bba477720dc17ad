"""Nothing in `observed/` tells what the lab did: no id, no kind, no trace of an injector, no name of the scenario."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from lab.injection.faults import fault_type, fault_types
from lab.recording.observed import Observed
from lab.registration.observability import LEVELS
from lab.worlds.shop import history
from lab.worlds.shop.catalog import make_catalog
from lab.worlds.shop.training import train
from tests.leaks import DECOY_ID, FAULT_ID, leaks, needles, wordings
from tests.segments import FAULTS as OF_NIGHTS
from tests.sim_runs import DECOYS, FAULTS, Use, observe, scenario
from tests.simulated import OF_POOLS, THREADS

FAST = ("network-partition", "schema-corruption retypes to text")


def check(name: str, folder: Path) -> None:
    # After the fault, because a deploy and a bad deploy pull the same lever.
    decoys = [{"id": f"{DECOY_ID}{i}", **use, "at": "36s", "for": "5s"} for i, use in enumerate(DECOYS.values())]
    seen = check_levels(folder, FAULTS[name], decoys=decoys)
    if not fault_type(FAULTS[name]["type"]).announced_differently:
        said_of_fault, said_of_decoys = (wordings(seen, of) for of in ((0, 36), (36, 45)))
        assert said_of_fault <= said_of_decoys


def check_levels(folder: Path, use: Use, **content: Any) -> Observed:
    """Nothing leaks at any level of observability; what was observed at the last one."""
    fault = {"id": FAULT_ID, **use, "at": "15s", "for": "20s"}
    loaded = scenario(folder, duration_s=45, faults=[fault], **content)
    for level in LEVELS:
        seen = observe(loaded.seen_by(level))
        seen.write(folder / level)
        assert leaks(folder / level, needles(folder)) == set()
    return seen


@pytest.mark.parametrize("name", FAST)
def test_nothing_observed_names_the_fault(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in FAULTS if name not in FAST])
def test_nothing_observed_names_any_other_fault(name: str, tmp_path: Path) -> None:
    check(name, tmp_path)


@pytest.mark.parametrize("name", OF_POOLS)
def test_nothing_observed_names_a_fault_of_a_pool(name: str, tmp_path: Path) -> None:
    seen = check_levels(tmp_path, OF_POOLS[name], system=THREADS)
    assert wordings(seen, (0, 45)) == set()


def test_every_registered_fault_is_tried() -> None:
    """Those of what jobs write and read are tried on nightly segments."""
    tried = {use["type"] for use in (*FAULTS.values(), *OF_POOLS.values(), *OF_NIGHTS.values())}
    assert tried >= {
        kind.name
        for kind in fault_types().values()
        if not kind.is_decoy and not kind.module.startswith("lab.worlds.")  # a world tries its own
    }


def test_a_leak_would_be_found_wherever_it_is(tmp_path: Path) -> None:
    (tmp_path / "needle-f.jsonl").write_text('{"kind": "Stale-Cache"}', encoding="utf-8")
    codes = pa.DictionaryArray.from_arrays(pa.array([0], pa.int32()), pa.array(["fine", "unused twin"]))
    pq.write_table(pa.table({"source": codes, "fault_id": [1]}), tmp_path / "t.parquet")
    assert leaks(tmp_path, ["needle-f", "stale-cache", "twin", "fault"]) == {
        ("needle-f.jsonl", "needle-f"),
        ("needle-f.jsonl", "stale-cache"),
        ("t.parquet", "twin"),
        ("t.parquet", "fault"),
    }


def test_a_default_is_no_fault(tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text('{"fallback": "default_features", "default": 1}', encoding="utf-8")
    assert leaks(tmp_path, ["fault"]) == set()


VERSIONS = 50
SMALL = {"WINDOW_TICKS": 60, "REQUESTS_PER_TICK": 200}
"""A shorter history than the shop's, so that a hundred versions are trained in a minute."""


@pytest.mark.slow
@pytest.mark.long
def test_what_is_published_of_a_version_does_not_say_whether_it_is_good(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Fifty good and fifty bad versions, by turns, each on the window after the one before."""
    monkeypatch.setenv("LAB_CACHE_DIR", str(tmp_path))
    for name, value in SMALL.items():
        monkeypatch.setattr(history, name, value)
    shop = make_catalog(11)
    recipes: list[Mapping[str, Any]] = [{}, {"training": "corrupted-labels", "corrupted": 0.9}]
    versions = [train(shop, 11, n + 1, recipes[n % 2]).registry_entry(n + 1) for n in range(2 * VERSIONS)]
    flat = [{**v["metrics"], **{k: v[k] for k in ("intercept", *PUBLISHED)}} for v in versions]
    assert {tuple(sorted(v)) for v in versions} == {tuple(sorted({*versions[0]}))}
    published = {
        field: auc_interval([v[field] for v in flat[0::2]], [v[field] for v in flat[1::2]]) for field in sorted(flat[0])
    }
    for field, (low, high) in published.items():
        if field != "intercept":
            assert low <= 0.5 <= high, (field, low, high)
    # The weights are content: there the two kinds differ, and this very measure sees it.
    assert published["intercept"][1] < 0.1 or published["intercept"][0] > 0.9


PUBLISHED = ("training_window", "training_rows_count")


def auc_interval(good: list[float], bad: list[float]) -> tuple[float, float]:
    """95 % interval of the chance that a good version has the larger value (Hanley and McNeil 1982)."""
    one, other = np.array(good)[:, None], np.array(bad)[None, :]
    auc = float((one > other).mean() + 0.5 * (one == other).mean())
    q1, q2 = auc / (2 - auc), 2 * auc**2 / (1 + auc)
    n = len(good)
    error = np.sqrt((auc * (1 - auc) + (n - 1) * (q1 - auc**2) + (n - 1) * (q2 - auc**2)) / n**2)
    return auc - 1.96 * error, auc + 1.96 * error

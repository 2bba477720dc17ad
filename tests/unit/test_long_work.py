"""Work that takes longer than a scrape interval: workers are busy while they do it, not only when they begin."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml

from lab.injection.levers import ComponentLimit, ComponentRestart
from lab.testbeds.sim.testbed import SimTestbed
from tests.sim_runs import scenario

CHAIN = Path(__file__).parents[1] / "systems" / "chain.system.yaml"
SCRAPE_S, WORK_S, WORKERS = 5.0, 12.0, 2
UTILIZATION, THROTTLED = "process.cpu.utilization", "process.cpu.throttled.ratio"


def bed(folder: Path, rate_per_s: float, *, has_queue: bool) -> SimTestbed:
    """Two minutes of a chain whose orders take a clerk twelve seconds each; who orders does not wait for it."""
    document = yaml.safe_load(CHAIN.read_text(encoding="utf-8"))
    document["missing_sample_ratio"] = 0
    written = {"name": "write", "call": "clerks", "operation": "write-order", "wait": False}
    document["components"]["front"]["steps"].append(written)
    clerks: dict[str, Any] = {"kind": "service", "workers": WORKERS, "service_time": {"mean": f"{WORK_S}s", "cv": 0}}
    document["components"]["clerks"] = clerks | ({"queue": 100} if has_queue else {}) | {"max_wait": "1h"}
    document["links"]["front->clerks"] = {}
    system = folder / "clerks.system.yaml"
    system.write_text(yaml.safe_dump(document), encoding="utf-8")
    return SimTestbed(scenario(folder, system=str(system), duration_s=120, rate_per_s=rate_per_s), 1)


def samples(observed: Any, metric: str) -> list[float]:
    metrics = observed.frame("metrics")
    return list(metrics[(metrics["metric"] == metric) & (metrics["service.name"] == "clerks")]["value"])


@pytest.mark.parametrize("has_queue", [False, True], ids=["booked workers", "a queue"])
def test_busy_time_is_the_work_that_was_done_by_then(tmp_path: Path, has_queue: bool) -> None:
    run = bed(tmp_path, 0.1, has_queue=has_queue)
    run.advance(120)
    observed = run.finish()
    ended = sum(samples(observed, "server.request.count"))
    busy_s = sum(samples(observed, UTILIZATION)) * WORKERS * SCRAPE_S
    assert ended > 5
    assert (ended - WORKERS) * WORK_S <= busy_s <= (ended + WORKERS) * WORK_S


@pytest.mark.parametrize("has_queue", [False, True], ids=["booked workers", "a queue"])
def test_who_has_more_work_than_time_is_busy_all_the_time(tmp_path: Path, has_queue: bool) -> None:
    run = bed(tmp_path, 0.5, has_queue=has_queue)
    run.advance(40)
    with run.pull("clerks", ComponentLimit(cpu=0.5)):
        run.advance(120)
    observed = run.finish()
    assert set(samples(observed, UTILIZATION)[3:]) == {1.0}
    assert samples(observed, THROTTLED)[3] == 0.0
    # Who books its workers has work of the time before the limit ahead of it.
    assert (0.45 if has_queue else 0.1) < samples(observed, THROTTLED)[-1] <= 0.5


@pytest.mark.parametrize("has_queue", [False, True], ids=["booked workers", "a queue"])
def test_work_that_a_process_left_undone_is_not_counted(tmp_path: Path, has_queue: bool) -> None:
    run = bed(tmp_path, 0.5, has_queue=has_queue)
    run.advance(60)
    with run.pull("clerks", ComponentRestart(away_s=60)):
        run.advance(120)
    assert set(samples(run.finish(), UTILIZATION)[13:]) == {0.0}

"""The host under the components: its pressure and steal in the metrics, as signals, and what engines make of them."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pandas as pd
import pytest

from lab.clock import NS
from lab.engines.host import EngineHost
from lab.recording.observed import Observed, arrow_table
from lab.recording.schema import METRIC_LIST
from lab.registration.observability import HOST
from lab.signals import compute_signals
from services.collector.host import PRESSURE, STEAL, HostSampler
from tests.simulated import BOOKINGS, observe, scenario

INTERVAL_S = 5.0


class Kernel:
    """A /proc in a directory: microseconds stalled, and ticks."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "pressure").mkdir()

    def tells(self, cpu_us: int, io_full_us: int, user: int, steal: int) -> None:
        (self.folder / "pressure" / "cpu").write_text(
            f"some avg10=1.00 avg60=1.00 avg300=1.00 total={cpu_us}\nfull avg10=0.00 avg60=0.00 avg300=0.00 total=0\n"
        )
        (self.folder / "pressure" / "io").write_text(
            f"some avg10=0.00 avg60=0.00 avg300=0.00 total={2 * io_full_us}\n"
            f"full avg10=0.00 avg60=0.00 avg300=0.00 total={io_full_us}\n"
        )
        (self.folder / "stat").write_text(f"cpu  {user} 0 0 0 0 0 0 {steal} {user} 0\ncpu0 1 1 1 1 1 1 1 1 1 1\n")


def test_samples_are_shares_of_the_time_since_the_last_one(tmp_path: Path) -> None:
    kernel, now_s = Kernel(tmp_path), 100.0
    sampler = HostSampler(tmp_path, lambda: now_s)
    kernel.tells(cpu_us=7_000_000, io_full_us=0, user=1000, steal=50)
    assert sampler.sample() == []
    kernel.tells(cpu_us=9_000_000, io_full_us=500_000, user=1300, steal=150)
    now_s += INTERVAL_S
    assert sampler.sample() == [
        (HOST, PRESSURE, pytest.approx(0.4), "cpu.some"),
        (HOST, PRESSURE, pytest.approx(0.2), "io.some"),
        (HOST, PRESSURE, pytest.approx(0.1), "io.full"),
        (HOST, STEAL, pytest.approx(0.25), ""),
    ]
    now_s += INTERVAL_S
    assert {value for _, metric, value, _ in sampler.sample() if metric == PRESSURE} == {0.0}


def test_a_kernel_that_shows_nothing_gives_no_samples(tmp_path: Path) -> None:
    sampler = HostSampler(tmp_path)
    assert [sampler.sample(), sampler.sample()] == [[], []]


def test_this_machine_is_read_as_it_is() -> None:
    sampler = HostSampler()
    assert sampler.sample() == []
    found = {(metric, attribute): value for _, metric, value, attribute in sampler.sample()}
    expected = {(PRESSURE, "cpu.some")} if Path("/proc/pressure/cpu").exists() else set()
    assert expected <= set(found)
    assert all(0 <= value <= 1 for value in found.values())
    assert {metric for metric, _ in found} <= {metric.name for metric in METRIC_LIST}


def on_a_pressed_host(observed: Observed) -> Observed:
    """A recording with the host's metrics, of a machine that stood still in one interval."""
    times_s = np.arange(1, int(observed.end_s / INTERVAL_S) + 1) * INTERVAL_S
    stalled = np.where(times_s == 60.0, 0.9, 0.1)
    rows = [
        pd.DataFrame({"time_s": times_s, "metric": metric, "attribute": attribute, "value": stalled})
        for metric, attribute in ((PRESSURE, "cpu.some"), (PRESSURE, "io.full"), (STEAL, None))
    ]
    host = pd.concat(rows, ignore_index=True).assign(**{"service.name": HOST, "peer.service": None})
    frame = pd.concat([observed.frame("metrics"), host], ignore_index=True)
    tables = {**observed.tables, "metrics": arrow_table("metrics", {name: frame[name] for name in frame})}
    return Observed(observed.system, tables, observed.changes, observed.alerts, observed.reference)


def test_the_hosts_metrics_are_signals_of_the_host_and_no_engine_takes_it_for_an_element(tmp_path: Path) -> None:
    plain = observe(scenario(tmp_path, duration_s=150, rate_per_s=10))
    pressed = on_a_pressed_host(plain)
    signals = compute_signals(pressed)
    pressure, steal = signals.get("pressure_stall_ratio", f"{HOST}.cpu"), signals.get("cpu_steal_ratio", HOST)
    assert pressure is not None
    assert steal is not None
    assert pressure.times_s[np.nanargmax(pressure.values)] == 60.0
    assert signals.subjects("pressure_stall_ratio") == [f"{HOST}.cpu"], "`full` is in the metrics alone"
    assert len(signals) == len(compute_signals(plain)) + 2
    pressed.write(tmp_path / "observed")
    elements = {*plain.system["components"], *plain.system["links"]}
    with EngineHost() as host:
        for engine in ("rules", "loudest-anomaly", "chance", "constant"):
            answer = host.diagnose(engine, tmp_path / "observed")
            assert {finding.culprit for finding in answer.findings} <= elements, engine  # type: ignore[union-attr]


def test_samples_of_a_run_keep_what_they_are_split_by() -> None:
    from lab.agreed.run import Run
    from lab.systems.files import load_system
    from lab.testbeds.stack.assemble import _sampled

    run = Run(seed=1, start_unix_s=1000.0, duration_s=60.0, warmup_s=10.0, stages=((60.0, 5.0),))
    kinds = [(PRESSURE, "cpu.some"), (PRESSURE, "io.some"), (STEAL, "")]
    records = [
        {"time_s": 10.0, "unix_s": 1010.0, "component": HOST, "metric": metric, "value": n / 10, "attribute": attribute}
        for n, (metric, attribute) in enumerate(kinds)
    ]
    rows = _sampled(records, [(10.0, "db", "process.cpu.utilization", 0.5)], run, load_system(BOOKINGS))
    assert rows == [
        (10 * NS, HOST, PRESSURE, "cpu.some", 0.0),
        (10 * NS, HOST, PRESSURE, "io.some", 0.1),
        (10 * NS, HOST, STEAL, "", 0.2),
        (10 * NS, "db", "process.cpu.utilization", "", 0.5),
    ]

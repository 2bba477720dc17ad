"""Service level indicators by registration: the core's, a world's, and one that nobody has seen before."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pytest

from lab.errors import UserError
from lab.recording import slis
from lab.recording.sides import make_sides
from lab.recording.slis import Level, Samples, alerts, sli_series
from lab.registration import known
from lab.registration.slis import CORE_SLIS, Sli
from lab.registration.world import World
from lab.scenario.model import StopWhen
from lab.signals import compute_signals
from lab.systems import topology, world_checks
from lab.systems.files import load_system
from lab.systems.topology import SliBound, Slo, System
from lab.testbeds.sim.safety import Safety
from tests.simulated import observe, scenario

LOSS = Sli(name="loss_eur", unit="EUR", bad="rises", doc="euros lost", of="tests.unit.test_slis:loss_eur")
QUEUE = Sli(name="waiting", unit="1", bad="rises", doc="cases that wait", of="tests.unit.test_slis:loss_eur")
CHAIN = str(Path(__file__).parents[1] / "systems" / "chain.system.yaml")


def loss_eur(samples: Samples) -> Level:
    """Euros lost in each interval, known to within a fifth."""
    times_s, (lost,) = samples.wide(["loss.sum"])
    return Level(times_s, lost, lost / 5)


@pytest.fixture
def bank(monkeypatch: pytest.MonkeyPatch) -> World:
    """A world `bank` beside the installed ones, as any distribution can add it."""
    world = World(name="bank", title="A bank", open="nowhere:Bank", slis=(LOSS, QUEUE))
    here, find = known.registrations(), known.registration_of
    for module in (known, world_checks):
        monkeypatch.setattr(module, "registrations", lambda: [*here, world])
        monkeypatch.setattr(module, "registration_of", lambda name: world if name == "bank" else find(name))
    return world


def of_the_bank() -> System:
    return load_system(CHAIN).model_copy(update={"world": topology.World(name="bank")})


@pytest.mark.parametrize(
    ("sli", "limit", "value"),
    [
        ("error_ratio", "30 %", 0.3),
        ("latency_p99_s", "250ms", 0.25),
        ("latency_p50_s", 2, 2.0),
        ("loss_eur", "500 EUR", 500.0),
        ("loss_eur", "-1.5EUR", -1.5),
        ("loss_eur", 500, 500.0),
        ("waiting", 200, 200.0),
    ],
)
@pytest.mark.usefixtures("bank")
def test_a_limit_is_written_in_the_unit_of_its_sli(sli: str, limit: object, value: float) -> None:
    assert SliBound.model_validate({"sli": sli, "above": limit}).above == value


@pytest.mark.parametrize(
    ("sli", "limit", "expected"),
    [
        ("loss_eur", "500 USD", "an amount: 500 EUR, or a number"),
        ("loss_eur", "30%", "an amount: 500 EUR, or a number"),
        ("loss_eur", True, "an amount"),
        ("waiting", "200 EUR", "a number"),
        ("error_ratio", "250ms", "a share"),
    ],
)
@pytest.mark.usefixtures("bank")
def test_a_limit_in_another_unit_is_refused(sli: str, limit: object, expected: str) -> None:
    with pytest.raises(ValueError, match=f"expected {expected}"):
        SliBound.model_validate({"sli": sli, "above": limit})


def test_two_worlds_cannot_give_one_name_two_meanings(monkeypatch: pytest.MonkeyPatch) -> None:
    one = World(name="bank", title="", open="", slis=(LOSS,))
    other = World(name="toll", title="", open="", slis=(replace(LOSS, unit="USD"),))
    monkeypatch.setattr(known, "registrations", lambda: [one, other])
    with pytest.raises(
        UserError, match=r"two SLIs are called 'loss_eur'[\s\S]*EUR of world 'bank'; USD of world 'toll'"
    ):
        known.known_slis()
    monkeypatch.setattr(known, "registrations", lambda: [replace(one, slis=(replace(LOSS, name="error_ratio"),))])
    with pytest.raises(UserError, match="ratio of the core; EUR of world 'bank'"):
        known.known_slis()


def metrics(rows: list[tuple[float, str, str, str, float]]) -> pa.Table:
    names = ["time_s", "service.name", "peer.service", "metric", "value"]
    return pa.table([list(column) for column in zip(*rows, strict=True)], names=names)


@pytest.mark.usefixtures("bank")
def test_an_alert_on_the_sli_of_a_world_fires_where_it_misses_its_limit_by_a_standard_error() -> None:
    slo = Slo.model_validate({"name": "loss", "sli": "loss_eur", "above": "100 EUR", "for": "10s"})
    system = of_the_bank().model_copy(update={"slos": (slo,)})
    lost = [110.0] * 5 + [130.0] * 5 + [90.0] * 3  # 110 less its error of 22 is below the limit, 130 less 26 is not
    rows = [(5.0 * i, "desk", "", "loss.sum", value) for i, value in enumerate(lost, 1)]
    found = [(alert["state"], alert["time_s"]) for alert in alerts(metrics(rows), system)]
    assert found == [("firing", 40.0), ("resolved", 55.0)]


@pytest.mark.parametrize(
    "level",
    [
        None,
        (np.ones(2), np.ones(2)),
        Level(np.ones(2), np.ones(1)),
        Level(np.ones(2), np.array(["1", "2"])),
        Level(np.ones(2), np.array([1.0, np.inf])),
        Level(np.ones(2), np.ones(2), np.ones(3)),
        Level(np.ones(2), [1.0, 2.0]),  # type: ignore[arg-type]
    ],
)
def test_what_is_no_level_is_refused_by_the_name_of_who_gave_it(level: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(slis, "loaded", lambda reference: lambda samples: level)
    with pytest.raises(UserError, match="test_slis:loss_eur' gave what is no level of 'loss_eur'"):
        slis.computed(LOSS, Samples.of(metrics([(5.0, "desk", "", "loss.sum", 1.0)]), of_the_bank()))


def test_the_core_measures_what_users_saw() -> None:
    rows = []
    for second, requests, failed, p50, p95 in ((5.0, 100.0, 25.0, 0.1, 0.4), (10.0, 0.0, 0.0, None, None)):
        rows.append((second, "people", "front", "client.request.count", requests))
        rows.append((second, "people", "front", "client.error.count", failed))
        rows.append((second, "elsewhere", "front", "client.error.count", 1000.0))
        for of, value in (("p50", p50), ("p95", p95)):
            if value is not None:
                rows.append((second, "people", "front", f"client.request.duration.{of}", value))
    found = sli_series(metrics(rows), load_system(CHAIN), [sli.name for sli in CORE_SLIS if sli.needs == "users"])
    values = {name: level.known()[1].tolist() for name, level in found.items()}
    assert values == {
        "error_ratio": [0.25], "availability": [0.75], "latency_p50_s": [0.1], "latency_p95_s": [0.4],
        "latency_p99_s": [],
    }  # fmt: skip


def test_the_99th_percentile_is_recorded_where_an_slo_is_on_it(tmp_path: Path) -> None:
    """By the nearest rank from above, of every request of an interval; nothing else of the recording changes."""
    text = Path(CHAIN).read_text(encoding="utf-8")
    slow = tmp_path / "slow.system.yaml"
    slow.write_text(text + "  - {name: slow, sli: latency_p99_s, above: 1s, for: 30s}\n", encoding="utf-8")
    plain, rich = (observe(scenario(tmp_path, system=str(path), duration_s=60), 3) for path in (CHAIN, slow))
    p99 = rich.frame("metrics").query("metric == 'client.request.duration.p99'")
    assert set(p99["service.name"]) == {"people"}
    spans = rich.frame("spans").query("`service.name` == 'people'")
    ends_s = spans["time_s"] + spans["duration_s"]
    for end_s, value in zip(p99["time_s"], p99["value"], strict=True):
        waited = np.sort(spans["duration_s"][(ends_s >= end_s - 5) & (ends_s < end_s)])
        assert value == pytest.approx(waited[int(np.ceil(0.99 * len(waited))) - 1], abs=1e-6)
    others = rich.frame("metrics").query("metric != 'client.request.duration.p99'").reset_index(drop=True)
    assert others.astype(str).equals(plain.frame("metrics").astype(str))
    assert "latency_p99_s" in compute_signals(rich).names()
    assert "latency_p99_s" not in compute_signals(plain).names()


@pytest.mark.usefixtures("bank")
def test_a_stop_condition_on_the_sli_of_a_world_looks_at_its_last_intervals() -> None:
    stop = StopWhen.model_validate({"sli": "loss_eur", "above": "100 EUR", "for": "10s"})
    asked: list[int] = []

    def recent(now_s: int, intervals: int) -> pa.Table:
        asked.append(intervals)
        return metrics([(float(now_s), "desk", "", "loss.sum", 50.0 if now_s < 15 else 120.0)])

    def reasons() -> Iterator[str]:
        safety = Safety((stop,), of_the_bank(), 0, {}, 0)
        assert safety.needs_world
        for now_s in range(5, 35, 5):
            yield safety.reason(now_s * 10**9, make_sides(0), lambda count, now_s=now_s: recent(now_s, count))

    assert list(reasons()) == [
        "",
        "",
        "",
        "loss_eur was 120 for 10 s",
        "loss_eur was 120 for 15 s",
        "loss_eur was 120 for 20 s",
    ]
    assert set(asked) == {LOSS.window_intervals}

"""Two recordings agree where enough was compared and nothing differs by more than it is uncertain."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.cli import main
from lab.contracts import Diagnosis, Finding, TrueFault, Verdict
from lab.injection.faults import fault_types
from lab.recording.rundir import RunDirectory
from lab.registration.observability import Observability
from lab.runs import parity as parity_module
from lab.runs.parity import LEAST_COMPARED, Parity, Row, compare, compared
from lab.runs.runner import run_scenario
from lab.runs.signature import Effect, Side, Symptom
from lab.signals import Series, SignalTable
from lab.signals.catalogue import CORE
from tests.simulated import BOOKINGS, FAULTS, scenario

TIMES_S = np.arange(1, 61) * 5.0
AT_S, UNTIL_S = 100.0, 200.0
DURING = (TIMES_S > AT_S) & (TIMES_S <= UNTIL_S)
LINK = "desk->db"
HEALTHY = ("healthy", "", "")
FAULT = ("fault", LINK, "network-partition")
NOISE = np.random.default_rng(5).normal(size=(2, len(TIMES_S)))
SLOS = [
    {"sli": "error_ratio", "above": 0.02, "below": None},
    {"sli": "latency_p95_s", "above": 0.15, "below": None},
    {"sli": "availability", "above": None, "below": 0.98},
]
SLI_SUBJECTS = {"error_ratio": "people->desk", "latency_p95_s": "people->desk",
                "availability": "people->desk"}  # fmt: skip


def of(signal: str, subject: str, moved_by: float, noise: float = 0.0, draw: int = 0) -> Series:
    """A series that lies `moved_by` higher while the fault is in."""
    return Series(signal, subject, TIMES_S, DURING * moved_by + noise * NOISE[draw])


def latency() -> TrueFault:
    parameters = {"latency": 0.3, "jitter": 0.0}
    return TrueFault("f1", "network-latency", LINK, "network", AT_S, UNTIL_S, None, parameters)


def side(
    *series: Series, faults: tuple[TrueFault, ...] = (latency(),), telemetry: Mapping[str, str] | None = None,
    observability: Observability = "usual",
) -> Side:  # fmt: skip
    """One recording: its series, and SLIs that do not move unless one is given."""
    named = {(one.signal, one.subject) for one in series}
    slis = [of(sli, subject, 0.0) for sli, subject in SLI_SUBJECTS.items() if (sli, subject) not in named]
    known = telemetry or {"db": "spans", "desk": "spans"}
    components = {name: {"telemetry": how, "kind": "service"} for name, how in known.items()}
    system = {
        "observability": observability, "slos": SLOS, "components": components, "links": {}, "scrape_interval_s": 5.0,
        "world": None,
    }  # fmt: skip
    return Side(SignalTable([*series, *slis]), system, {(f.id, f.kind, f.culprit): f for f in faults})


def parity(first: Side, second: Side, verdicts: tuple[Any, Any] = (HEALTHY, HEALTHY)) -> Parity:
    rows, absent = compared((first, second))
    return Parity(rows, absent, verdicts, tuple({**first.faults, **second.faults}))


def row(parity: Parity, signal: str) -> Row:
    return next(one for one in parity.rows if one.signal == signal)


def test_what_is_compared_are_the_slis_and_the_witnesses_of_the_fault() -> None:
    found = parity(side(of("network_time_s", LINK, 0.3)), side(of("network_time_s", LINK, 0.28)))
    declared = {witness.signal for witness in fault_types()["network-latency"].witnesses}
    assert {one.signal for one in found.rows} | {one.signal for one in found.not_compared} == declared | {*SLI_SUBJECTS}
    assert found.result == "agree"
    assert row(found, "network_time_s").signs == (1, 1)
    assert row(found, "latency_p95_s").signs == (0, 0)


def test_an_sli_without_an_objective_is_not_asked_for() -> None:
    one = side(of("network_time_s", LINK, 0.3))
    bare = Side(one.signals, {**one.system, "slos": []}, one.faults)
    found = parity(bare, bare)
    assert {row.signal for row in found.rows} == {"network_time_s"}


def test_of_two_controls_nothing_may_move_by_which_any_fault_shows() -> None:
    quiet, throttled = (side(of("cpu_throttled_ratio", "db", share), faults=()) for share in (0.0, 0.4))
    assert {one.signal for one in parity(quiet, quiet).rows} == {"cpu_throttled_ratio", *SLI_SUBJECTS}
    assert parity(quiet, quiet).result == "agree"
    assert parity(quiet, throttled).result == "disagree"
    assert absent(parity(side(faults=()), throttled)).keys() == {"cpu_throttled_ratio"}


def test_throttling_on_one_testbed_only_is_a_difference() -> None:
    throttle = TrueFault("f1", "cpu-throttle", "db", "resource", AT_S, UNTIL_S, None, {"cpu": 0.2})
    sides = [
        side(of("cpu_throttled_ratio", "db", share, 0.01, draw), of("self_time_mean_s", "db", slower, 1e-4, draw),
             faults=(throttle,))
        for draw, (share, slower) in enumerate(((0.8, 0.02), (0.0, 0.0)))
    ]  # fmt: skip
    found = parity(sides[0], sides[1])
    assert found.result == "disagree"
    assert {one.signal for one in found.rows if not one.agrees} == {"cpu_throttled_ratio", "self_time_mean_s"}


@pytest.mark.parametrize(
    ("first", "second", "at_least", "agrees"),
    [
        (Effect(0.10, 0.01, 1), Effect(0.30, 0.01, 1), 0.02, True),  # equal signs, whatever their sizes
        (Effect(0.10, 0.01, 1), Effect(-0.10, 0.01, -1), 0.02, False),
        (Effect(0.10, 0.01, 1), Effect(0.00, 0.01, 0), 0.02, False),
        (Effect(0.10, 0.01, 1), Effect(0.04, 0.20, 0), 0.02, True),  # nobody knows whether they differ
        (Effect(0.10, 0.06, 1), Effect(0.02, 0.06, 0), 0.02, True),  # 0.08 apart, and 0.085 uncertain together
        (Effect(0.10, 0.05, 1), Effect(0.02, 0.05, 0), 0.02, False),
        (Effect(0.021, 0.001, 1), Effect(0.019, 0.001, 0), 0.02, True),  # on both sides of what matters
    ],
)
def test_effects_differ_beyond_their_uncertainty_and_by_what_matters(
    first: Effect, second: Effect, at_least: float, agrees: bool
) -> None:
    assert Row(Symptom("error_ratio", "x", at_least), (first, second)).agrees is agrees


@pytest.mark.parametrize(
    ("slower", "signs", "agrees"),
    [(1, (1, 0), True), (0, (1, 0), False), (None, (1, 0), False), (1, (1, -1), False), (0, (0, 1), True)],
)
def test_what_adds_up_more_slowly_in_compressed_time_may_be_too_little_to_be_seen(
    slower: int | None, signs: tuple[int, int], agrees: bool
) -> None:
    first, second = (Effect(10.0 * sign, 0.1, sign) for sign in signs)
    assert Row(Symptom("queue_length", "x", 3.0), (first, second), slower).agrees is agrees


@pytest.mark.parametrize(("scales", "slower"), [((1.0, 5.0), 1), ((5.0, 1.0), 0), ((5.0, 5.0), None)])
def test_a_backlog_adds_up_more_slowly_where_time_is_compressed_and_a_ratio_does_not(
    monkeypatch: pytest.MonkeyPatch, scales: tuple[float, float], slower: int | None
) -> None:
    spec = CORE["queue_length"]._replace(adds_up=True)
    monkeypatch.setattr(parity_module, "spec_of", lambda name: spec if name == "latency_p95_s" else CORE[name])
    sides = [replace(side(), system={**side().system, "time_scale": scale}) for scale in scales]
    found = parity(sides[0], sides[1])
    assert row(found, "latency_p95_s").slower == slower
    assert row(found, "error_ratio").slower is None


def test_a_noisy_effect_that_just_misses_the_test_is_no_difference() -> None:
    """A rise of 0.6 standard deviations is seen in one of two noisy recordings of it and not in the other."""
    quiet, noisy = of("network_time_s", LINK, 0.06, 0.01), of("network_time_s", LINK, 0.06, 0.1, 1)
    found = row(parity(side(quiet), side(noisy)), "network_time_s")
    assert found.signs == (1, 0)
    assert found.effects[1].uncertainty > 2 * found.effects[0].uncertainty
    assert found.agrees


def test_a_fault_that_shows_in_neither_recording_is_no_agreement() -> None:
    still = of("network_time_s", LINK, 0.0)
    found = parity(side(still), side(still))
    assert len(found.rows) >= LEAST_COMPARED
    assert found.result == "inconclusive"
    assert "f1 (network-latency of desk->db)" in found.doubt


def bare(*names: str, faults: tuple[TrueFault, ...] = ()) -> Side:
    """A recording with the named SLIs only."""
    full = side(faults=faults)
    kept = [full.signals.get(name, SLI_SUBJECTS[name]) for name in names]
    return Side(SignalTable([one for one in kept if one is not None]), full.system, full.faults)


@pytest.mark.parametrize("names", [(), ("error_ratio",), ("error_ratio", "latency_p95_s")])
def test_fewer_than_three_signals_compared_are_no_agreement(names: tuple[str, ...]) -> None:
    found = parity(bare(*names), bare(*names))
    assert (len(found.rows), found.result, found.agrees) == (len(names), "inconclusive", False)
    assert parity(bare(*SLI_SUBJECTS), bare(*SLI_SUBJECTS)).result == "agree"


def test_a_difference_counts_however_little_was_compared() -> None:
    assert parity(bare("error_ratio"), bare("error_ratio"), (HEALTHY, FAULT)).result == "disagree"


def test_each_recording_is_looked_at_while_its_own_fault_was_in() -> None:
    later = Series("network_time_s", LINK, TIMES_S, ((TIMES_S > 150) & (TIMES_S <= 250)) * 0.3)
    theirs = TrueFault("f1", "network-latency", LINK, "network", 150.0, 250.0, None, {"latency": 0.3, "jitter": 0.0})
    found = row(parity(side(of("network_time_s", LINK, 0.3)), side(later, faults=(theirs,))), "network_time_s")
    assert [effect.change for effect in found.effects] == pytest.approx([0.3, 0.3])


def test_a_control_is_looked_at_while_the_other_has_its_fault() -> None:
    still = of("network_time_s", LINK, 0.0)
    found = parity(side(of("network_time_s", LINK, 0.3)), side(still, faults=()))
    assert row(found, "network_time_s").signs == (1, 0)
    assert found.result == "disagree"


def absent(found: Parity) -> dict[str, str]:
    return {one.signal: one.why for one in found.not_compared}


def test_what_cannot_be_compared_is_listed_with_the_reason() -> None:
    moved = of("network_time_s", LINK, 0.3)
    has = side(moved, of("client_timeout_ratio", LINK, 0.1))
    assert absent(parity(side(moved), has)) == {
        "client_timeout_ratio": "not in the first: it was not measured, or never occurred"
    }
    assert "not in either recording" in absent(parity(side(moved), side(moved)))["client_timeout_ratio"]
    sums = side(moved, telemetry={"db": "metrics", "desk": "spans"})
    why = absent(parity(has, sums))["client_timeout_ratio"]
    assert why == "not in the second: the component reports metrics here and spans there"


def test_a_signal_without_an_interval_before_is_not_compared() -> None:
    at_once = TrueFault("f1", "network-latency", LINK, "network", 0.0, 50.0, None, {"latency": 0.3, "jitter": 0.0})
    one = side(of("network_time_s", LINK, 0.3), faults=(at_once,))
    found = parity(one, one)
    assert found.rows == ()
    assert "no interval before the fault" in absent(found)["network_time_s"]
    assert found.result == "inconclusive"


def test_a_fault_that_is_not_installed_here_is_named() -> None:
    strange = TrueFault("f1", "moon-phase", "db", "external", AT_S, UNTIL_S, None)
    found = parity(side(faults=(strange,)), side(faults=(strange,)))
    assert absent(found) == {"its witnesses": "no fault 'moon-phase' is installed here"}
    assert found.result == "inconclusive"


def test_of_two_faults_each_is_looked_at_while_that_one_was_in() -> None:
    other = TrueFault("f2", "cpu-throttle", "db", "resource", 220.0, 280.0, None, {"cpu": 0.2})
    throttled = Series("cpu_throttled_ratio", "db", TIMES_S, ((TIMES_S > 220) & (TIMES_S <= 280)) * 0.5)
    one = side(of("network_time_s", LINK, 0.3), throttled, faults=(latency(), other))
    found = parity(one, one)
    changes = {one.signal: one.effects[0].change for one in found.rows}
    assert changes["network_time_s"] == pytest.approx(0.3)
    assert changes["cpu_throttled_ratio"] == pytest.approx(0.5)


@pytest.fixture(scope="module")
def recordings(tmp_path_factory: pytest.TempPathFactory) -> dict[str, RunDirectory]:
    """One of a partition that shows, one whose partition loses nothing."""
    root = tmp_path_factory.mktemp("recordings")
    fault = {**FAULTS["network-partition"], "at": "60s", "for": "60s"}
    own = Path(BOOKINGS).read_text(encoding="utf-8") + "  - {name: answers, sli: availability, below: 98%, for: 45s}\n"
    (root / "own.system.yaml").write_text(own, encoding="utf-8")
    content = {"system": str(root / "own.system.yaml"), "duration_s": 150, "rate_per_s": 30}
    runs = {
        "shown": scenario(root, name="shown", faults=[fault], **content),
        "nothing": scenario(root, name="nothing", faults=[{**fault, "with": {"fraction": "0%"}}], **content),
    }
    made = {name: run_scenario(loaded, 3, root / "runs") for name, loaded in runs.items()}
    for run in made.values():
        finding = Finding(LINK, "network", "network-partition", 60.0, 0.9, (), ())
        run.write_diagnosis("asked", Diagnosis(Verdict.FAULT, (finding,)))
    return made


@pytest.mark.parametrize(("first", "second", "code"), [
    ("shown", "shown", 0), ("shown", "nothing", 1), ("nothing", "nothing", 4),
])  # fmt: skip
def test_the_command_ends_with_what_the_comparison_came_to(
    recordings: dict[str, RunDirectory], first: str, second: str, code: int, capsys: pytest.CaptureFixture[str]
) -> None:
    words = ["parity", str(recordings[first].path), str(recordings[second].path), "--engine", "asked"]
    assert main(words) == code
    text = capsys.readouterr().out
    assert text.startswith(f"first   {first}, seed 3, on sim  (")
    assert ("different scenarios" in text) == (first != second)
    assert "±" in text
    assert "not compared" not in text
    assert main([*words, "--json"]) == code
    found = json.loads(capsys.readouterr().out)
    assert found["result"] == {0: "agree", 1: "disagree", 4: "inconclusive"}[code]
    assert (found["doubt"] is not None) == (code == 4)
    assert [one["scenario"] for one in found["recordings"]] == [first, second]
    assert {one["signal"] for one in found["signals"]} == {"client_error_ratio", "client_timeout_ratio", *SLI_SUBJECTS}
    assert all(len(one["uncertainties"]) == 2 for one in found["signals"])


def test_a_run_that_is_not_graded_is_no_ground_for_an_agreement(recordings: dict[str, RunDirectory]) -> None:
    shown = recordings["shown"]
    stopped = replace(shown, meta={**shown.meta, "status": "stopped: error_ratio was 1 for 5 s"})
    found = compare(shown, stopped, "asked")
    assert (found.result, found.agrees) == ("inconclusive", False)
    assert found.doubt == "the second recording is of a run that is not graded (stopped: error_ratio was 1 for 5 s)"


def test_recordings_of_the_same_run_agree_in_every_number(recordings: dict[str, RunDirectory]) -> None:
    found = compare(recordings["shown"], recordings["shown"], "asked")
    assert all(one.effects[0] == one.effects[1] for one in found.rows)
    assert found.not_compared == ()

"""Who noticed a fault first and why so late, what it cost, and what a control looked like."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from lab.investigation.aftermath import costs
from lab.investigation.alarms import Alarms, Line
from lab.investigation.control import Control
from lab.investigation.debrief import debrief
from lab.investigation.detection import detection
from lab.investigation.exercises import Exercise, exercise_of
from lab.investigation.postmortem import postmortem
from lab.investigation.recordings import record
from lab.investigation.told import Told
from lab.recording.alerts import Fired
from lab.recording.costs import Amount
from lab.registration.costs import Cost
from lab.scenario import load_scenario
from lab.signals import SignalTable
from tests.cli_cases import CHAIN, write

CUT = """\
faults: [{id: f1, type: network-partition, target: orders->db, at: 60s, for: 180s}]
"""
MILD = """\
faults: [{id: f1, type: network-latency, target: people->front, at: 100s, for: 200s, with: {latency: 5ms, jitter: 0s}}]
"""
QUIET = """\
decoys: [{id: d1, type: traffic-surge, target: people, at: 120s, for: 60s, with: {rate: 2/s}}]
"""


def exercise(text: str) -> Exercise:
    return exercise_of(load_scenario(write("case", text, duration=360)), "own", 1)


def session(verdict: str = "healthy", **more: Any) -> dict[str, Any]:
    board = {"hypotheses": [], "pins": [], "notes": [], "whys": []}
    return {"id": "abcdefgh", "participant": "anna", "is_blind": False, "hints": [], "actions": [],
            "answer": {"schema_version": 1, "verdict": verdict, "findings": []}, "answered_at_s": 200.0,
            "start_s": 10.0, "board": board, "looks": [], **more}  # fmt: skip


def overloaded() -> Exercise:
    """A fault that hardly shows; while it lasts, there come more visitors than the database can bear."""
    system, path = Path("slow.system.yaml"), write("case", MILD, duration=360)
    slow = CHAIN.read_text(encoding="utf-8").replace("workers: 16", "workers: 1").replace("mean: 3ms", "mean: 20ms")
    system.write_text(slow, encoding="utf-8")
    of_it = path.read_text(encoding="utf-8").replace(str(CHAIN), str(system.resolve()))
    of_it = of_it.replace(
        "{for: 360s, rate: 8/s}", "{for: 150s, rate: 8/s}, {for: 90s, rate: 80/s}, {for: 2m, rate: 8/s}"
    )
    path.write_text(of_it, encoding="utf-8")
    return exercise_of(load_scenario(path), "own", 1)


def told(text: str, folder: Path, **more: Any) -> tuple[dict[str, Any], str]:
    """Debrief and post-mortem of a scenario."""
    return told_of(exercise(text), folder, **more)


def told_of(case: Exercise, folder: Path, **more: Any) -> tuple[dict[str, Any], str]:
    said = session(**more)
    found = debrief(record(case, folder / "runs"), None, case, said)
    return found, postmortem(found, case, said)


def test_a_debrief_tells_who_noticed_first_and_puts_the_answer_beside_it(folder: Path) -> None:
    said = {"noticed_by": "people", "why": "Nobody looked."}
    found, text = told(CUT, folder, detection=said)
    noticed = found["detection"]
    assert noticed["began_s"] == 60
    assert noticed["first"]["first_visible_s"] == found["evidence"][0]["first_visible_s"] > 60
    assert noticed["said"] == said
    alert_s = found["monitoring"]["first_alert_s"]
    assert (noticed["alert"] or {}).get("at_s") == alert_s
    times = {"alert": alert_s, "check": (noticed["line"] or {}).get("at_s")}
    assert noticed["noticed_s"] == times[noticed["noticed_by"]] == min(at for at in times.values() if at is not None)
    assert "### Who noticed first, and why so late?" in text
    assert "In the answer: People noticed it first. Nobody looked." in text


def test_what_there_is_without_the_fault_too_noticed_nothing(folder: Path) -> None:
    """Many visitors overload the database, which alarms. What the fault does nobody would notice."""
    found, text = told_of(overloaded(), folder)
    noticed = found["detection"]
    assert found["is_compared"]
    assert (noticed["noticed_by"], noticed["alert"], noticed["line"]) == ("nobody", None, None)
    assert [one["slo"] for one in noticed["anyway"]] == ["errors"]
    assert "tells nothing of it: it would have fired without it, too." in text
    assert "No alert fired, although" not in text


def test_where_the_run_without_the_fault_is_not_known_what_came_since_counts_and_that_is_said(folder: Path) -> None:
    noticed = detection(Told.of(record(overloaded(), folder / "runs")), None, (), None)
    assert noticed is not None
    assert noticed["noticed_by"] in ("alert", "check")
    assert noticed["anyway"] == []
    assert "would have come without it, too, is not known" in noticed["why"][-1]


ALERTS = (Fired("errors", "front", 100.0, 160.0), Fired("errors", "front", 300.0, None))
LINES = (Line("db", "full", 50.0, "pool is full"), Line("db", "slow", 120.0, "slow"), Line("front", "slow", 130.0, ""))


@pytest.mark.parametrize(
    ("without", "alerts", "lines"),
    [
        (Alarms(), ALERTS, LINES[1:]),
        (Alarms((Fired("errors", "front", 90.0, 150.0),)), ALERTS[1:], LINES[1:]),
        (Alarms((Fired("errors", "front", 90.0, None),)), (), LINES[1:]),
        (Alarms((Fired("errors", "orders", 90.0, None), Fired("late", "front", 90.0, None))), ALERTS, LINES[1:]),
        (Alarms((), (Line("db", "slow", 120.0, ""),)), ALERTS, LINES[2:]),
        (Alarms((), (Line("db", "slow", 121.0, ""),)), ALERTS, LINES[1:]),
    ],
    ids=["nothing", "fires-then", "fires-on", "others", "same-line", "later-line"],
)
def test_alarms_of_a_fault_are_those_that_there_are_not_without_it_by_then(
    without: Alarms, alerts: tuple[Fired, ...], lines: tuple[Line, ...]
) -> None:
    assert Alarms(ALERTS, LINES).since(60.0).beyond(without) == (alerts, lines)


def test_who_was_called_before_it_began_noticed_nothing(folder: Path) -> None:
    found, _ = told(CUT, folder)
    assert found["detection"]["called_s"] is None


def test_what_objectives_look_at_is_held_against_their_limits(folder: Path) -> None:
    found, _ = told(CUT, folder)
    watched = found["detection"]["watched"]
    assert watched
    for one in watched:
        is_beyond = one["worst"] > one["limit"] if one["side"] == "above" else one["worst"] < one["limit"]
        assert one["is_beyond"] is is_beyond
    assert any(one["is_beyond"] for one in watched) or found["detection"]["alert"] is None


def test_a_control_tells_what_looked_suspicious_and_why_it_was_nothing(folder: Path) -> None:
    finding = {"culprit": "db", "boundary": "service", "kind": "cpu-throttle", "confidence": 0.5, "onset_s": 120.0,
               "evidence": [], "why": []}  # fmt: skip
    answer = {"schema_version": 1, "verdict": "fault", "findings": [finding]}
    found, text = told(QUIET, folder, answer=answer)
    assert found["detection"] is None
    (event,) = found["suspicions"]["events"]
    assert (event["kind"], event["element"], event["at_s"]) == ("traffic-surge", "people", 120)
    assert event["own"]
    for one in event["own"]:
        assert one["low"] <= one["before"] <= one["high"]
    assert event["is_calm"]
    (blamed,) = found["suspicions"]["blamed"]
    assert blamed["element"] == "db"
    assert {one["subject"] for one in blamed["own"]} <= {"db", "orders->db"}
    cost = found["suspicions"]["accusation"]
    assert 50 < cost["lost"] < cost["points"] == 100
    assert "db" in {one["place"] for one in cost["remedies"]}
    assert "**traffic-surge of people** at 02:00" in text
    assert "Should any of it be undone? No: nothing was broken." in text
    still, moved = ({(one["signal"], one["subject"]) for one in found["suspicions"][key]} for key in ("still", "moved"))
    assert not still & moved


def test_of_a_control_only_what_there_was_is_timed(folder: Path) -> None:
    times = told(QUIET, folder)[0]["times"]
    assert {name: value for name, value in times.items() if value is not None} == {
        "called_s": 10.0, "answered_at_s": 200.0,
    }  # fmt: skip


def test_a_fault_has_no_suspicions(folder: Path) -> None:
    assert told(CUT, folder)[0]["suspicions"] is None


def amount(bad: str, values: list[float]) -> Amount:
    cost = Cost(name="things", unit="1", doc="things", of="nowhere:none", bad=bad)  # type: ignore[arg-type]
    return Amount(cost, np.arange(1.0, len(values) + 1), np.array(values))


@pytest.mark.parametrize(("bad", "sign"), [("rises", 1), ("falls", -1)])
def test_costs_have_one_definition_and_their_parts_add_up(bad: str, sign: int) -> None:
    control = Control(SignalTable([]), (amount(bad, [1, 1, 1, 1]),))
    untouched, lived = amount(bad, [1, 3, 3, 3.5]), amount(bad, [1, 3, 2, 1.25])
    (one,) = costs([untouched], [lived], control, 2.0)
    assert (one["there"], one["without"]) == (7.25, 4)
    assert one["incident"] == sign * (one["there"] - one["without"]) == sign * 3.25
    assert one["until_answer"] + one["after_answer"] == one["incident"]
    assert one["until_answer"] == sign * 2
    assert one["saved"] == sign * 6.5 - one["incident"]


def test_without_an_answer_costs_are_not_parted() -> None:
    control = Control(SignalTable([]), (amount("rises", [1, 1]),))
    found: list[Mapping[str, Any]] = costs([amount("rises", [2, 2])], [amount("rises", [2, 2])], control, None)
    assert [(one["incident"], one["until_answer"], one["after_answer"]) for one in found] == [(2, None, None)]

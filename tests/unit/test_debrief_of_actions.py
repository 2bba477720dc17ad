"""What a debrief tells of a run in which somebody did something: fault by fault, and only of the run that was lived."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest

from lab.injection.faults import fault_types
from lab.investigation.acting import Action, run_with_actions
from lab.investigation.debrief import debrief
from lab.investigation.exercises import Exercise, exercise_of
from lab.investigation.postmortem import postmortem
from lab.investigation.recordings import record
from lab.recording.rundir import RunDirectory
from lab.scenario import load_scenario
from tests.cli_cases import write
from tests.unit.test_debrief import session

TWO = """\
faults:
  - {id: slow, type: network-latency, target: front->orders, at: 60s, for: 240s, with: {latency: 80ms}}
  - {id: cut, type: network-partition, target: orders->db, at: 150s, for: 150s, with: {fraction: 50%}}
training:
  remedies: [{remedy: reroute-link, place: front->orders}, {remedy: reroute-link, place: orders->db}]
"""
ONE = """\
faults: [{id: cut, type: network-partition, target: orders->db, at: 60s, for: 300s}]
steady_state: [{sli: error_ratio, below: 1%}]
training:
  remedies: [{remedy: reroute-link, place: orders->db}]
"""
END_S = 360.0
SLOW, CUT = (Action(200.0, "reroute-link", link) for link in ("front->orders", "orders->db"))
ANSWERED_S = 350.0


def made(folder: Path, content: str) -> tuple[Exercise, RunDirectory]:
    exercise = exercise_of(load_scenario(write("own", content, duration=int(END_S))), "own", 1)
    return exercise, record(exercise, folder / "runs")


def told_of(exercise: Exercise, run: RunDirectory, folder: Path, *actions: Action) -> dict[str, Any]:
    acted = run_with_actions(exercise.scenario, exercise.seed, actions, folder / "runs") if actions else None
    return debrief(run, acted, exercise, session(actions, answered_at_s=ANSWERED_S))


def by_fault(told: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    return {one["id"]: one for one in told}


def test_an_action_helps_against_the_fault_whose_effects_it_brings_back(folder: Path) -> None:
    exercise, run = made(folder, TWO)
    for action, mended, other in ((SLOW, "slow", "cut"), (CUT, "cut", "slow")):
        told = told_of(exercise, run, folder, action)
        [did] = told["actions"]
        faults = by_fault(did["faults"])
        assert did["helped"] is True, did["why"]
        assert (faults[mended]["helped"], faults[other]["helped"]) == (True, False)
        became = by_fault(told["outcomes"])
        assert (became[mended]["by"], became[other]["by"]) == ("actions", "itself")
        assert 200 < became[mended]["over_s"] < 240
        assert told["times"]["mended_at_s"] == became[other]["over_s"] > 300


def test_what_is_mended_one_by_one_is_mended_with_the_last(folder: Path) -> None:
    exercise, run = made(folder, TWO)
    later = Action(250.0, CUT.remedy, CUT.place)
    told = told_of(exercise, run, folder, SLOW, later)
    assert [one["helped"] for one in told["actions"]] == [True, True]
    assert [one["helped"] for one in told["actions"][1]["faults"]] == [False, True]
    assert 250 < told["times"]["mended_at_s"] < 290
    text = postmortem(told, exercise, session((SLOW, later)))
    assert "* What helped: reroute-link (orders->db) at 04:10, against network-partition on orders->db." in text


def test_what_is_broken_later_is_not_the_fault(folder: Path) -> None:
    exercise, run = made(folder, ONE)
    right, needless = Action(100.0, "reroute-link", "orders->db"), Action(200.0, "restart", "db")
    told = told_of(exercise, run, folder, right, needless)
    assert [one["helped"] for one in told["actions"]] == [True, False]
    mended_s = told["times"]["mended_at_s"]
    assert 100 < mended_s < 130
    assert all(one["alert_s"] <= mended_s for one in told["monitoring"]["missing"])


def test_a_debrief_is_of_the_run_that_was_lived(folder: Path) -> None:
    """Mended before any alert: what would have fired is told as what would have been."""
    exercise, run = made(folder, ONE)
    early = Action(70.0, "reroute-link", "orders->db")
    lived, untouched = told_of(exercise, run, folder, early), told_of(exercise, run, folder)
    fired = [one["time_s"] for one in untouched["timeline"] if one["kind"] == "alert"]
    assert fired
    assert not [one for one in lived["timeline"] if one["kind"] == "alert"]
    assert lived["monitoring"]["first_alert_s"] is None
    assert lived["monitoring"]["first_alert_without_actions_s"] == min(fired)
    assert lived["truth"]["faults"][0]["reverted_s"] == pytest.approx(70)
    mended_s = lived["times"]["mended_at_s"]
    assert all(one["first_visible_s"] is None or one["first_visible_s"] <= mended_s for one in lived["evidence"])
    text = postmortem(lived, exercise, session((early,)))
    assert "Alerts: none fired." in text
    assert "No alert fired. Without the actions the first would have fired at" in text
    assert "An alert fired" not in text
    assert "Without the actions they would have lasted until the end." in text


def test_what_was_mended_early_shows_no_later_level(folder: Path) -> None:
    exercise, run = made(folder, ONE)
    lived = told_of(exercise, run, folder, Action(90.0, "reroute-link", "orders->db"))
    effects = {(one["signal"], one["subject"]): one for one in lived["effects"][0]["moved"]}
    acted = run_with_actions(
        exercise.scenario, exercise.seed, [Action(90.0, "reroute-link", "orders->db")], folder / "runs"
    )
    [recorded] = acted.effects().values()
    assert {key: one["with"] for key, one in effects.items()}.items() <= {
        (one["signal"], one["subject"]): one["with"] for one in recorded
    }.items()
    ratio = effects["client_error_ratio", "orders->db"]
    assert ratio["without_actions"] == pytest.approx(1.0, abs=0.1)


def test_no_trace_is_seen_before_the_first_effect(folder: Path) -> None:
    exercise, run = made(folder, ONE)
    told = told_of(exercise, run, folder)
    first_s = told["truth"]["faults"][0]["first_effect_s"]
    assert first_s <= min(one["first_visible_s"] for one in told["evidence"] if one["first_visible_s"] is not None)
    assert [one["time_s"] for one in told["timeline"] if one["text"].startswith("first effect")] == [first_s]


def test_who_does_something_about_it_has_noticed_it(folder: Path) -> None:
    exercise, run = made(folder, ONE)
    early = Action(100.0, "reroute-link", "orders->db")
    times = told_of(exercise, run, folder, early)["times"]
    assert times["noticed_at_s"] <= 70 < times["mended_at_s"]


def test_what_was_not_mended_is_said_fault_by_fault(folder: Path) -> None:
    exercise, run = made(folder, TWO)
    text = postmortem(told_of(exercise, run, folder, SLOW), exercise)
    assert "network-partition on orders->db was not mended: its effects were over by themselves at" in text
    assert "network-latency on front->orders was not mended" not in text
    assert "* What helps: Route a link another way (orders->db)." in text


def test_each_fault_has_its_traces(folder: Path) -> None:
    exercise, run = made(folder, TWO)
    assert {one["fault"] for one in told_of(exercise, run, folder)["evidence"]} == {"slow", "cut"}


def test_a_control_costs_what_was_done_to_it(folder: Path) -> None:
    exercise, run = made(folder, "")
    told = told_of(exercise, run, folder, Action(100.0, "restart", "db"))
    [did] = told["actions"]
    assert (did["helped"], did["why"], told["outcomes"]) == (False, "There was nothing to mend.", [])
    text = postmortem(told, exercise, session())
    assert "saved by actions" not in text
    assert "not mended" not in text


def test_no_kind_names_a_lock_that_it_does_not_hold() -> None:
    """Whoever reads what a kind is must not pick a remedy that does nothing against it."""
    assert "lock" not in fault_types()["slow-query"].doc
    assert "index" in fault_types()["slow-query"].doc


def test_what_is_put_back_by_an_action_is_not_said_to_be_unmended(folder: Path) -> None:
    """However soon something else is done: nothing needs to be measured to know what ended it."""
    exercise, run = made(folder, ONE)
    right, needless = Action(100.0, "reroute-link", "orders->db"), Action(101.0, "restart", "front")
    told = told_of(exercise, run, folder, right, needless)
    did, _ = told["actions"]
    assert did["helped"] is True
    assert did["why"].startswith("It put the fault itself back.")
    [became] = told["outcomes"]
    assert (became["by"], became["put_back_by"]) == ("actions", "actions")
    text = postmortem(told, exercise, session((right, needless)))
    assert "was not mended" not in text
    assert "Reroute a link" in text.split("## What went well")[1] or "reroute-link" in text.split("went well")[1]


def test_no_share_of_an_effect_is_told_beyond_all_of_it(folder: Path) -> None:
    exercise, run = made(folder, TWO)
    for action in (SLOW, CUT):
        [did] = told_of(exercise, run, folder, action)["actions"]
        shares = [int(one) for fault in did["faults"] for one in re.findall(r"(\d+)%", fault["why"])]
        assert all(share <= 100 for share in shares), did["why"]


def test_a_limit_on_what_is_usually_nothing_is_not_nothing(folder: Path) -> None:
    exercise, run = made(folder, ONE)
    missing = told_of(exercise, run, folder)["monitoring"]["missing"]
    assert missing
    assert all(one["limit"] > 0 for one in missing if one["side"] == "above")

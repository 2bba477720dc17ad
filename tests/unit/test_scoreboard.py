"""The scoreboard: people and engines over the exercises that were answered, and how well they know what they know."""

from __future__ import annotations

from typing import Any

from lab.investigation.scoreboard import Entry, scoreboard


def answer(who: str, outcome: str, confidence: float | None, points: float | None) -> dict[str, Any]:
    findings = [] if confidence is None else [{"confidence": confidence}]
    verdict = "fault" if findings else "healthy"
    return {"who": who, "outcome": outcome, "verdict": verdict, "findings": findings, "score": {"points": points}}


def entry(name: str, exercise: str, own: dict[str, Any], *engines: dict[str, Any]) -> Entry:
    return Entry(name, {"exercise": {"id": exercise}, "answers": [own, *engines]})


RULES = answer("rules", "pass", 0.8, 90.0)


def test_the_best_comes_first_and_engines_are_told_apart():
    found = scoreboard(
        [
            entry("Ann", "a-1", answer("you", "pass", 0.9, 100.0), RULES),
            entry("Bo", "a-1", answer("you", "fail", 0.9, 20.0), RULES),
        ]
    )
    rows = [
        (row["name"], row["is_engine"], row["answered"], row["right"], row["points"]) for row in found["scoreboard"]
    ]
    assert rows == [("Ann", False, 1, 1, 100.0), ("rules", True, 1, 1, 90.0), ("Bo", False, 1, 0, 20.0)]


def test_who_answers_more_is_not_ahead_for_that():
    often = [entry("Ann", f"a-{n}", answer("you", "fail", 0.9, 40.0)) for n in range(3)]
    found = scoreboard([*often, entry("Bo", "a-1", answer("you", "pass", 0.9, 90.0))])
    rows = [(row["name"], row["mean"], row["counted"], row["points"]) for row in found["scoreboard"]]
    assert rows == [("Bo", 90.0, 1, 90.0), ("Ann", 40.0, 3, 120.0)]


def test_of_the_same_mean_who_answered_more_comes_first():
    often = [entry("Bo", f"a-{n}", answer("you", "pass", 0.9, 80.0)) for n in range(2)]
    found = scoreboard([entry("Ann", "a-1", answer("you", "pass", 0.9, 80.0)), *often])
    assert [row["name"] for row in found["scoreboard"]] == ["Bo", "Ann"]


def test_who_has_no_points_yet_comes_last_and_an_inconclusive_case_lowers_no_mean():
    entries = [
        entry("Ann", "a-1", answer("you", "inconclusive", 0.9, None)),
        entry("Bo", "a-1", answer("you", "inconclusive", 0.9, None)),
        entry("Bo", "a-2", answer("you", "fail", 0.9, 0.0)),
    ]
    rows = [(row["name"], row["answered"], row["counted"], row["mean"]) for row in scoreboard(entries)["scoreboard"]]
    assert rows == [("Bo", 2, 1, 0.0), ("Ann", 1, 0, None)]


def test_the_first_answer_to_an_exercise_counts_since_who_saw_the_debrief_knows():
    found = scoreboard(
        [entry("Ann", "a-1", answer("you", "fail", 0.9, 10.0)), entry("Ann", "a-1", answer("you", "pass", 1.0, 100.0))]
    )
    assert [(row["answered"], row["points"]) for row in found["scoreboard"]] == [(1, 10.0)]


def test_an_engine_counts_once_for_each_exercise():
    found = scoreboard(
        [
            entry("Ann", "a-1", answer("you", "fail", 0.9, 10.0), RULES),
            entry("Ann", "a-2", answer("you", "fail", 0.9, 10.0), RULES),
            entry("Bo", "a-2", answer("you", "fail", 0.9, 10.0), RULES),
        ]
    )
    (rules,) = (row for row in found["scoreboard"] if row["is_engine"])
    assert (rules["answered"], rules["points"]) == (2, 180.0)


def test_what_is_inconclusive_is_answered_and_worth_nothing():
    found = scoreboard([entry("Ann", "a-1", answer("you", "inconclusive", 0.9, None))])
    assert [(row["answered"], row["right"], row["points"]) for row in found["scoreboard"]] == [(1, 0, 0.0)]
    assert found["calibration"] == []


def test_calibration_is_how_often_one_is_right_by_how_sure_one_is():
    outcomes = [("pass", 0.9), ("fail", 0.9), ("fail", 0.3), ("pass", 1.0)]
    found = scoreboard(
        [entry("Ann", f"a-{n}", answer("you", outcome, sure, 50.0)) for n, (outcome, sure) in enumerate(outcomes)]
    )
    (ann,) = found["calibration"]
    assert ann["bins"] == [
        {"confidence": 0.3, "right": 0.0, "count": 1},
        {"confidence": 0.9333, "right": 0.6667, "count": 3},
    ]
    assert ann["brier"] == round((0.01 + 0.81 + 0.09 + 0.0) / 4, 4)
    assert (ann["count"], ann["is_enough"]) == (4, False)


def test_who_says_that_nothing_is_wrong_is_not_sure_of_a_cause():
    assert scoreboard([entry("Ann", "a-1", answer("you", "pass", None, 100.0))])["calibration"] == []

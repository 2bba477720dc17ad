"""The score of an answer: what the graders say of it in points, minus what hints cost. The one place that says how."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple

from lab.contracts import Grade, Outcome
from lab.recording.grades import verdict

MOST = 100
"""Points of an answer that is right on every axis, without a hint."""
FALSE_ALARM = "false-alarm"
WEIGHTS: Mapping[str, float] = {
    "culprit": 40,
    "kind": 20,
    "boundary": 10,
    "onset": 10,
    "evidence": 10,
    "culprit-top-k": 5,
    "decoy-blamed": 5,
    FALSE_ALARM: 60,
}
"""What an axis is worth beside the others that apply to the case. Others, as of plug-ins, are worth nothing."""
WORDS: Mapping[str, str] = {
    "culprit": "who is to blame",
    "onset": "since when",
    "culprit-top-k": "among the first named",
    "decoy-blamed": "not misled",
    FALSE_ALARM: "no false alarm",
}
"""How people read of an axis that is not called by its own name, as on the pages."""
FORMULA = (
    f"Right on every axis and without a hint are {MOST} points. Each axis that applies to the case has its share of "
    "them, by its weight, and gives as much of it as its value, 0 to 1. Where something is broken the weights are "
    + ", ".join(f"{WORDS.get(axis, axis)} {weight:g}" for axis, weight in WEIGHTS.items() if axis != FALSE_ALARM)
    + f"; where nothing is, {WORDS[FALSE_ALARM]} {WEIGHTS[FALSE_ALARM]:g} and "
    f"{WORDS['decoy-blamed']} {WEIGHTS['decoy-blamed']:g}. Whoever cites no evidence gets nothing for it. "
    "Hints cost what they say. No score is below 0."
)


class Score(NamedTuple):
    """`points`: None where the case is inconclusive. `by_axis`: points of each axis, and the most it could give."""

    points: float | None
    hints: int
    by_axis: dict[str, dict[str, float]]

    def to_json(self) -> dict[str, Any]:
        """As the debrief has it."""
        return {"points": self.points, "hints": self.hints, "by_axis": self.by_axis}


def score(grades: Iterable[Grade], hints: int = 0) -> Score:
    """The score of an answer with these grades; `hints`: the points that were spent on hints."""
    listed = list(grades)
    counted = [grade for grade in listed if grade.grader in WEIGHTS and grade.value is not None]
    whole = sum(WEIGHTS[grade.grader] for grade in counted)
    if not counted or verdict(listed) is Outcome.INCONCLUSIVE:
        return Score(None, hints, {})
    by_axis = {}
    for grade in counted:
        most = MOST * WEIGHTS[grade.grader] / whole
        by_axis[grade.grader] = {"points": round(most * float(grade.value or 0), 1), "most": round(most, 1)}
    reached = sum(WEIGHTS[grade.grader] * float(grade.value or 0) for grade in counted) * MOST / whole
    return Score(round(max(0.0, reached - hints), 1), hints, by_axis)

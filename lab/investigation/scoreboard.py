"""People and engines beside each other, over the exercises that were answered; and how well each knows what it knows.

Everything is counted from debriefs, so there is no second definition of a grade or a score.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, NamedTuple

from lab.contracts import Outcome
from lab.investigation.debrief import YOU, calibration_of

BINS = 5
"""Of confidence, from 0 to 1."""
ENOUGH = 10
"""Answers from which on a calibration tells more than luck."""


class Entry(NamedTuple):
    """A participant's name, and the debrief of one answer of theirs."""

    name: str
    debrief: Mapping[str, Any]

    @property
    def exercise(self) -> str:
        return str(self.debrief["exercise"]["id"])


def first_answers(entries: Iterable[Entry]) -> list[Entry]:
    """Of each participant the first answer to each exercise: who has seen a debrief knows."""
    found: dict[tuple[str, str], Entry] = {}
    for entry in entries:
        found.setdefault((entry.name, entry.exercise), entry)
    return list(found.values())


def scoreboard(entries: Sequence[Entry]) -> dict[str, list[dict[str, Any]]]:
    """`scoreboard`: for each participant and engine how many were answered, how many rightly, and the points, as their
    mean and sum over those that were `counted`: what is inconclusive has no points. The best mean comes first, so that
    who answers more is not better for that; of the same mean, who answered more. `calibration`: for each how often it
    was right, by how sure it was.

    Engines count once for each exercise that somebody answered.
    """
    answers = _answers(first_answers(entries))
    board = [_counted(name, is_engine, given) for (name, is_engine), given in answers.items()]
    calibrated = [{"name": name, **_calibrated(given)} for (name, _), given in answers.items()]
    board.sort(key=_rank)
    return {"scoreboard": board, "calibration": [one for one in calibrated if one["bins"]]}


def _answers(entries: Iterable[Entry]) -> dict[tuple[str, bool], list[Mapping[str, Any]]]:
    """Answers by who gave them: (name, whether it is an engine)."""
    found: dict[tuple[str, bool], list[Mapping[str, Any]]] = {}
    asked: set[tuple[str, str]] = set()
    for entry in entries:
        for answer in entry.debrief["answers"]:
            who = str(answer["who"])
            if who == YOU:
                found.setdefault((entry.name, False), []).append(answer)
            elif (who, entry.exercise) not in asked:
                asked.add((who, entry.exercise))
                found.setdefault((who, True), []).append(answer)
    return found


def _rank(row: Mapping[str, Any]) -> tuple[Any, ...]:
    mean = row["mean"]
    return mean is None, -(mean or 0), -row["counted"], row["is_engine"], row["name"]


def _counted(name: str, is_engine: bool, answers: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    points = [float(one) for answer in answers if (one := answer["score"]["points"]) is not None]
    return {
        "name": name,
        "is_engine": is_engine,
        "answered": len(answers),
        "right": sum(answer["outcome"] == Outcome.PASS for answer in answers),
        "counted": len(points),
        "points": round(sum(points), 1),
        "mean": round(sum(points) / len(points), 1) if points else None,
    }


def _calibrated(answers: Iterable[Mapping[str, Any]]) -> dict[str, Any]:
    """Bins of answers that named a cause, by confidence: its mean, the share that was right, and how many there are.

    `brier`: the mean squared distance of confidence from what was so; 0 is best, always saying 0.5 gives 0.25.
    `is_enough`: whether there are so many answers that it tells something.
    """
    known = [found for found in map(calibration_of, answers) if found is not None]
    bins: dict[int, list[Mapping[str, Any]]] = {}
    for one in known:
        bins.setdefault(min(BINS - 1, int(one["confidence"] * BINS)), []).append(one)
    return {
        "bins": [
            {
                "confidence": _mean(one["confidence"] for one in held),
                "right": _mean(float(one["is_right"]) for one in held),
                "count": len(held),
            }
            for _, held in sorted(bins.items())
        ],
        "brier": _mean(one["brier"] for one in known) if known else None,
        "count": len(known),
        "is_enough": len(known) >= ENOUGH,
    }


def _mean(values: Iterable[float]) -> float:
    held = list(values)
    return round(sum(held) / len(held), 4)

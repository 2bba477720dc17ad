"""Answers over time on a run's page: a line of marks for each engine that was asked so, and the time to diagnosis."""

from __future__ import annotations

from dataclasses import dataclass

from lab.contracts import Diagnosis, EngineFailure, Verdict
from lab.judging.over_time import figure_texts, kept_over_time
from lab.recording.rundir import RunDirectory
from lab.report.format import Times, shortened
from lab.report.marks import NOT_ASKED, SIGNS, Sign

MAX_ROWS = 200
MAX_ANSWER = 120


@dataclass(frozen=True, slots=True)
class Row:
    """One answer: when, whether it was right by then, and what it blamed."""

    at: str
    sign: Sign
    answer: str


@dataclass(frozen=True, slots=True)
class OverTimeView:
    """One engine's answers over time; `more` are not listed."""

    engine: str
    figure: tuple[str, ...]
    rows: tuple[Row, ...]
    more: int


def over_time_views(run: RunDirectory, times: Times) -> tuple[OverTimeView, ...]:
    """What is kept of answers over time, by engine."""
    views = []
    for kept in kept_over_time(run):
        rows = tuple(
            Row(
                times.told(then.at_s),
                SIGNS[then.outcome] if then.outcome else NOT_ASKED,
                _answer_text(then.answer.content),
            )
            for then in kept.answers[:MAX_ROWS]
        )
        views.append(OverTimeView(kept.engine, tuple(figure_texts(kept)), rows, len(kept.answers) - len(rows)))
    return tuple(views)


def _answer_text(answer: Diagnosis | EngineFailure) -> str:
    """`stale-cache of cache, confidence 0.82`, of the leading findings; the verdict where nothing is blamed."""
    if isinstance(answer, EngineFailure):
        return shortened(f"no answer: {answer.reason}", MAX_ANSWER)
    if answer.verdict is not Verdict.FAULT:
        return str(answer.verdict)
    first = answer.findings[0]
    tied = sum(finding.confidence == first.confidence for finding in answer.findings)
    text = f"{first.kind} of {first.culprit}, confidence {first.confidence:.2f}"
    return shortened(text + (f", and {tied - 1} more as confident" if tied > 1 else ""), MAX_ANSWER)

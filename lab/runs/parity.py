"""Do two testbeds agree? Symptom signatures and verdicts of the same scenario, recorded twice.

A signature is one sign (−, 0, +) per listed signal and subject: the signal moved while the fault lasted, by the
witness test and by at least its smallest relevant effect, or it did not.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass

import numpy as np

from lab.contracts import Diagnosis, EngineFailure
from lab.errors import Problem, UserError
from lab.judging.witness import SIGNIFICANCE, before_during_p
from lab.recording.observed import load_observed
from lab.recording.rundir import RunDirectory
from lab.signals import Series, SignalTable, load_signals
from lab.signals.windows import levels

SIGNATURE: Mapping[str, float] = {
    "error_ratio": 0.02,
    "click_through_ratio": 0.008,
    "client_error_ratio": 0.05,
    "client_timeout_ratio": 0.05,
    "own_error_ratio": 0.03,
    "fallback_ratio": 0.05,
    "feature_violation_ratio": 0.02,
    "contract_violation_ratio": 0.02,
    "feature_out_of_range_ratio": 0.05,
    "feature_null_ratio": 0.03,
    "entry_age_p95_s": 12.0,
    "row_age_mean_s": 10.0,
    "job_last_success_age_s": 15.0,
    "model_auc_deficit": 0.04,
}
"""Listed signals with the least absolute effect that counts as moved, in the signal's unit."""
FROM_SERVER_SPANS = frozenset({"own_error_ratio"})
"""Listed signals that a component has where it exports spans, and lacks where it reports sums only."""
CLEAR = 2.0
"""An effect this many times the least one is clear: then the other testbed must show it too."""


@dataclass(frozen=True, slots=True)
class Row:
    """One signal of one subject on both testbeds: effects, signs, and whether they agree."""

    signal: str
    subject: str
    effects: tuple[float, float]
    signs: tuple[int, int]

    @property
    def agrees(self) -> bool:
        """Equal signs; or one of them 0 where the other's effect is not clear."""
        if self.signs[0] == self.signs[1]:
            return True
        if 0 in self.signs:
            return max(abs(effect) for effect in self.effects) < CLEAR * SIGNATURE[self.signal]
        return False


@dataclass(frozen=True, slots=True)
class Parity:
    """The comparison: rows with a sign on either side, and both verdicts (verdict, culprit, kind)."""

    rows: tuple[Row, ...]
    verdicts: tuple[tuple[str, str, str], tuple[str, str, str]]
    model_servers: tuple[str, str] = ("", "")
    """Who served the model in either; empty where a testbed has no choice of it."""

    @property
    def agrees(self) -> bool:
        return all(row.agrees for row in self.rows) and self.verdicts[0] == self.verdicts[1]


def compare(first: RunDirectory, second: RunDirectory, engine: str = "rules") -> Parity:
    """Compares two recordings over the fault window of whichever has one.

    UserError when they do not show the same of the same system, or when an engine was not asked.
    """
    if first.meta["system"] != second.meta["system"]:
        raise UserError(f"{first.path} and {second.path} are of different systems")
    seen = [load_observed(run.observed).system.get("observability") for run in (first, second)]
    if seen[0] != seen[1]:
        what = f"{first.path} and {second.path} are of different observability"
        expected = "the same for both: what one has and the other lacks is no difference between testbeds"
        raise UserError(Problem(what, seen=f"{seen[0]} and {seen[1]}", expected=expected))
    window = _window(first) or _window(second)
    tables = load_signals(first.observed), load_signals(second.observed)
    silent = _reporting_otherwise(first, second)
    if window is None:
        ends = [float(max(s.times_s[-1] for s in table)) for table in tables]
        window = (min(ends) / 3, 2 * min(ends) / 3)
    rows = tuple(_rows(tables, window, silent))
    servers = str(first.meta.get("model_server", "")), str(second.meta.get("model_server", ""))
    return Parity(rows, (_verdict(first, engine), _verdict(second, engine)), servers)


def _reporting_otherwise(*runs: RunDirectory) -> set[str]:
    """Components that export spans in one recording only, as a model does unless TensorFlow Serving serves it."""
    first, second = (load_observed(run.observed).system["components"] for run in runs)
    return {name for name in first.keys() & second.keys() if first[name]["telemetry"] != second[name]["telemetry"]}


def _window(run: RunDirectory) -> tuple[float, float] | None:
    faults = run.truth().faults
    return (min(f.injected_s for f in faults), max(f.reverted_s for f in faults)) if faults else None


def _rows(tables: tuple[SignalTable, SignalTable], window: tuple[float, float], silent: Collection[str]) -> list[Row]:
    listed = {(s.signal, s.subject) for table in tables for s in table if s.signal in SIGNATURE}
    names = sorted(name for name in listed if not (name[0] in FROM_SERVER_SPANS and name[1] in silent))
    level = SIGNIFICANCE / max(1, len(names))
    rows = []
    for signal, subject in names:
        moved = [_moved(table.get(signal, subject), SIGNATURE[signal], window, level) for table in tables]
        row = Row(signal, subject, (moved[0][0], moved[1][0]), (moved[0][1], moved[1][1]))
        if any(row.signs):
            rows.append(row)
    return rows


def _moved(series: Series | None, least: float, window: tuple[float, float], level: float) -> tuple[float, int]:
    """(effect, sign): mean during minus mean before; no series, no effect."""
    if series is None:
        return 0.0, 0
    means = levels(series.times_s, series.values, window)
    if means is None:
        return 0.0, 0
    effect = means.change
    shown = abs(effect) >= least and before_during_p(series.times_s, series.values, *window) < level
    return effect, int(np.sign(effect)) if shown else 0


def _verdict(run: RunDirectory, engine: str) -> tuple[str, str, str]:
    answer = run.diagnosis(engine)
    if answer is None:
        raise UserError(f"{run.path}: engine {engine!r} was not asked; run: lab diagnose {run.path} --engine {engine}")
    if isinstance(answer, EngineFailure):
        return "failure", "", ""
    return _leading(answer)


def _leading(answer: Diagnosis) -> tuple[str, str, str]:
    if not answer.findings or str(answer.verdict) != "fault":
        return str(answer.verdict), "", ""
    return str(answer.verdict), answer.findings[0].culprit, answer.findings[0].kind

"""Builders for grading tests: a small topology, one guilty link, and answers to be judged."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

import lab.signals
from lab.contracts import (
    Case,
    Diagnosis,
    EngineFailure,
    Evidence,
    Finding,
    Grade,
    GradingOptions,
    TrueDecoy,
    TrueFault,
    Truth,
    Verdict,
)

LINK = "features->db"
ELEMENTS = ("cache", "db", "features", "model", "shoppers", "features->cache", LINK, "features->model")
NEIGHBOURS = {
    "cache": frozenset({"features->cache"}),
    "db": frozenset({LINK}),
    "features": frozenset({"shoppers->features", "features->cache", LINK, "features->model"}),
    "model": frozenset({"features->model"}),
    "shoppers": frozenset({"shoppers->features"}),
    "shoppers->features": frozenset({"shoppers", "features"}),
    "features->cache": frozenset({"features", "cache"}),
    LINK: frozenset({"features", "db"}),
    "features->model": frozenset({"features", "model"}),
}
CITED = Evidence("client_error_ratio", LINK, 0.0, 0.97)
HEALTHY = Diagnosis(Verdict.HEALTHY)
CRASH = EngineFailure("exited with status 3: out of tokens")
DECOY = TrueDecoy("d1", "deploy", "model", 225.0)


def fault(**changes: object) -> TrueFault:
    """A cut link from 240 s to 420 s, witnessed at 245 s, unless changed."""
    values: dict[str, object] = {
        "id": "f1",
        "kind": "network-partition",
        "culprit": LINK,
        "boundary": "network",
        "injected_s": 240.0,
        "reverted_s": 420.0,
        "witnessed_s": 245.0,
    }
    return TrueFault(**(values | changes))  # type: ignore[arg-type]


def finding(culprit: str = LINK, confidence: float = 0.8, **changes: object) -> Finding:
    """A finding that is right in every respect, unless changed."""
    values: dict[str, object] = {
        "boundary": "network",
        "kind": "network-partition",
        "onset_s": 243.0,
        "evidence": (CITED,),
    }
    return Finding(culprit=culprit, confidence=confidence, **(values | changes))  # type: ignore[arg-type]


def says(*findings: Finding, verdict: Verdict = Verdict.FAULT) -> Diagnosis:
    """An answer with these findings."""
    return Diagnosis(verdict, findings)


def case(
    answer: Diagnosis | EngineFailure,
    *faults: TrueFault,
    decoys: tuple[TrueDecoy, ...] = (),
    top_k: int = 3,
    observed: Path = Path("observed"),
) -> Case:
    """A case with these faults; without any it is a control."""
    holders = frozenset({"db", "cache"})
    options = GradingOptions(top_k=top_k, onset_within_s=60.0)
    truth = Truth(faults, decoys)
    return Case(truth, answer, options, observed, NEIGHBOURS, symptom="shoppers->features", column_holders=holders)


def graded(grade: Grade | None) -> Grade:
    """The grade of an axis that must apply."""
    assert grade is not None, "the axis did not apply"
    return grade


@dataclass(frozen=True)
class FakeSeries:
    times_s: np.ndarray
    values: np.ndarray


class FakeTable:
    """A signal table as `lab.signals` gives it, from written series."""

    def __init__(self, series: Mapping[tuple[str, str], FakeSeries]) -> None:
        self.series = series

    def get(self, signal: str, subject: str) -> FakeSeries | None:
        return self.series.get((signal, subject))

    def names(self) -> set[str]:
        return {signal for signal, _ in self.series}


def cut_link_table() -> FakeTable:
    """Errors of the guilty link rise from 0 to 0.97 while it is cut; one sample is missing."""
    times_s = np.arange(0.0, 600.0, 5.0)
    values = np.where((times_s > 240) & (times_s <= 420), 0.97, 0.0)
    values[3] = np.nan
    return FakeTable({("client_error_ratio", LINK): FakeSeries(times_s, values)})


def use_signals(monkeypatch: pytest.MonkeyPatch, table: FakeTable) -> None:
    """Makes every recording's signals these."""
    monkeypatch.setattr(lab.signals, "load_signals", lambda observed: table)

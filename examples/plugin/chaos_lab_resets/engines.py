"""Blames the link whose calls fail most, if one in fifty does."""

from __future__ import annotations

from pathlib import Path

import numpy as np

from lab.contracts import Diagnosis, Evidence, Finding, Verdict
from lab.signals import load_signals

LEAST = 0.02


def most_errors(observed: Path) -> Diagnosis:
    """The link with the highest ratio of failed calls in any minute, from the signal catalogue."""
    signals, worst = load_signals(observed), None
    for link in signals.subjects("client_error_ratio"):
        series = signals.get("client_error_ratio", link)
        if series is None:
            continue
        values = np.nan_to_num(series.values)
        minute = max(1, round(60 / float(np.median(np.diff(series.times_s)))))
        means = np.convolve(values, np.ones(minute) / minute, mode="valid")
        if len(means) and (worst is None or means.max() > worst[0]):
            start = int(means.argmax())
            worst = (float(means.max()), link, float(series.times_s[start]), float(np.median(values)))
    if worst is None or worst[0] < LEAST:
        return Diagnosis(Verdict.HEALTHY)
    level, link, onset_s, usual = worst
    evidence = (Evidence("client_error_ratio", link, usual, level),)
    return Diagnosis(Verdict.FAULT, (Finding(link, "network", "connection-resets", onset_s, 0.5, evidence),))

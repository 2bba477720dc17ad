"""Runs the graders over a case and composes what they say. Ours are found like a stranger's: by entry points."""

from __future__ import annotations

import re
from collections.abc import Mapping

from lab.contracts import Case, Grade, Grader, Outcome
from lab.errors import LabError
from lab.plugins import installed

GRADER_GROUP = "lab.graders"

METRIC_GRADERS: Mapping[str, tuple[str, bool]] = {
    "culprit_top1": ("culprit", False),
    "culprit_top_k": ("culprit-top-k", False),
    "boundary": ("boundary", False),
    "kind": ("kind", False),
    "onset": ("onset", False),
    "evidence": ("evidence", False),
    "false_alarm_ratio": ("false-alarm", True),
    "decoy_blamed_ratio": ("decoy-blamed", True),
}
"""The grader behind a metric, and whether the metric is one minus the grader's value."""


BLAMING = frozenset({"false_alarm_ratio", "decoy_blamed_ratio"})
"""Metrics of wrong blame. Only an answer that blames counts in them; any other is in the denominator with 0."""


def metric_graders() -> dict[str, tuple[str, bool]]:
    """Those of `METRIC_GRADERS`, then every plug-in grader under its own name, written with `_` for `-`."""
    known = {grader for grader, _ in METRIC_GRADERS.values()}
    strangers = sorted(set(installed(GRADER_GROUP, "grader")) - known)
    added = {re.sub(r"\W", "_", name): (name, False) for name in strangers}
    return {**METRIC_GRADERS, **{metric: grader for metric, grader in added.items() if metric not in METRIC_GRADERS}}


class GraderError(LabError):
    """A grader broke its contract: an internal error under the grader's name, never a pass."""


def registered_graders() -> dict[str, Grader]:
    """Every installed grader by name, sorted."""
    return {name: entry.load() for name, entry in installed(GRADER_GROUP, "grader").items()}


def grade(case: Case, graders: Mapping[str, Grader] | None = None) -> list[Grade]:
    """The grades of every axis that applies. Raises GraderError when a grader raises or returns something else."""
    grades = []
    for name, grader in (registered_graders() if graders is None else graders).items():
        try:
            result = grader(case)
        except Exception as error:
            raise GraderError(f"grader {name!r} failed: {type(error).__name__}: {error}") from error
        if result is None:
            continue
        if not isinstance(result, Grade) or result.grader != name:
            raise GraderError(f"grader {name!r} returned {result!r}, expected a Grade of that name or None")
        if (result.value is None) != (result.outcome is Outcome.INCONCLUSIVE):
            raise GraderError(f"grader {name!r} returned value {result.value} with outcome {result.outcome}")
        if result.value is not None and not 0 <= result.value <= 1:
            raise GraderError(f"grader {name!r} returned value {result.value}, expected 0 to 1")
        grades.append(result)
    return grades

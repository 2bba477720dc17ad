"""Which request to show: one that passed through the culprit and had the fault's effect, beside a usual one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import pandas as pd

from lab.recording.observed import Observed
from lab.report.format import quantity
from lab.report.waterfall import SOUND, Waterfall, draw, touching
from lab.signals.windows import Window

MORE_COMMON, RARE = 3.0, 0.01
"""An effect is the fault's when its share of the requests is this many times the usual one, and this much more."""
USUAL_QUANTILE = 0.99
"""What more than this share of the requests before the fault stayed below is usual."""
AGES = {"entry_age_s": "cache entry", "row_age_s": "database row"}


@dataclass(frozen=True, slots=True)
class Candidates:
    """Root spans of the requests that may be shown, and of those from before to hold against them."""

    roots: pd.DataFrame
    inside: pd.Series
    before: pd.Series
    culprit: str

    def share_is_up(self, hit: pd.Series) -> bool:
        """Whether what was hit is clearly more common inside than before."""
        usual = float(hit[self.before].mean()) if self.before.any() else 0.0
        return float(hit[self.inside].mean()) >= MORE_COMMON * usual + RARE

    def count(self, hit: pd.Series) -> str:
        return f"{int(hit[self.inside].sum())} of {int(self.inside.sum())}"

    def usual(self, values: pd.Series) -> float:
        """What nearly all requests before stayed below; NaN, which nothing exceeds, where there were none."""
        return float(values[self.before].quantile(USUAL_QUANTILE)) if self.before.any() else np.nan

    @property
    def through(self) -> str:
        return f" through {self.culprit}" if self.culprit else ""


def choose(observed: Observed, faults: Sequence[tuple[str, Window]]) -> tuple[Waterfall, ...]:
    """The request to show, then perhaps a usual one; none where nothing was traced.

    `faults` are culprits with their windows. The first fault whose effect a request shows is shown; where none does, a
    typical request of the first; without faults, the slowest request of the run.
    """
    spans = observed.frame("spans")
    roots = spans[spans["parent_span_id"].isna()]
    users = roots["service.name"] == observed.system["users"]
    if not len(roots):
        return ()
    if not faults:
        slowest = _by_length(roots[users] if users.any() else roots)[-1]
        return (draw(spans, slowest, "The slowest request of the run", ""),)
    candidates = [_candidates(spans, roots, users, culprit, window) for culprit, window in faults]
    found = [one for one in candidates if one is not None]
    # What happened at a culprit says more than what happened somewhere on the way.
    for show in (_failed_there, _slow_there, _stale, _failed, _slow, _typical):
        for one in found:
            shown = show(observed, one)
            if shown:
                return shown
    return ()


def _candidates(
    spans: pd.DataFrame, roots: pd.DataFrame, users: pd.Series, culprit: str, window: Window
) -> Candidates | None:
    """Requests of users that passed through the culprit, else runs of jobs that did, else any requests."""
    at_s, until_s = window
    # A trace that began before the window belongs to the time before.
    inside = roots["time_s"].between(at_s, until_s, inclusive="left")
    before = roots["time_s"].between(0, at_s, inclusive="left")
    through = roots["trace_id"].isin(spans.loc[touching(spans, culprit), "trace_id"])
    for group, passed in ((through & users, True), (through, True), (users, False), (users | ~users, False)):
        if (inside & group).any():
            return Candidates(roots, inside & group, before & group, culprit if passed else "")
    return None


def _failed_there(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    spans = observed.frame("spans")
    return _failed(observed, found, touching(spans, found.culprit), f" at {found.culprit}") if found.culprit else ()


def _failed(
    observed: Observed, found: Candidates, at: pd.Series | None = None, where: str = ""
) -> tuple[Waterfall, ...]:
    """A typical request that failed there, or else anywhere, if that is more common than before."""
    spans = observed.frame("spans")
    failed = ~spans["status"].isin(SOUND)
    hit = found.roots["trace_id"].isin(spans.loc[failed if at is None else failed & at, "trace_id"])
    if not found.share_is_up(hit):
        return ()
    reason = f"A typical request during the fault{found.through} that failed{where} ({found.count(hit)} did)"
    return _beside_usual(spans, found, hit, reason)


def _slow_there(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    spans = observed.frame("spans")
    if not found.culprit:
        return ()
    longest = spans[touching(spans, found.culprit)].groupby("trace_id", observed=True)["duration_s"].max()
    return _slow(observed, found, found.roots["trace_id"].map(longest).astype(float), found.culprit)


def _slow(
    observed: Observed, found: Candidates, took_s: pd.Series | None = None, what: str = "the whole of it"
) -> tuple[Waterfall, ...]:
    """A typical request that took unusually long there, or else in all."""
    took_s = found.roots["duration_s"] if took_s is None else took_s
    hit = took_s > found.usual(took_s)
    if not found.share_is_up(hit):
        return ()
    usually, now = (quantity(float(took_s[which].median()), "s") for which in (found.before, found.inside & hit))
    reason = (
        f"A typical slow request during the fault: {what} took {now}, usually {usually} ({found.count(hit)} were slow)"
    )
    return _beside_usual(observed.frame("spans"), found, hit, reason)


def _stale(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    """A typical request that was served something unusually old, where the recording has ages."""
    served = observed.frame("features")
    for column, what in AGES.items():
        if column not in served or "trace_id" not in served:
            continue
        ages = served.groupby("trace_id", observed=True)[column].max()
        age_s = found.roots["trace_id"].map(ages).astype(float)
        usual_s = found.usual(age_s)
        hit = age_s > usual_s
        if found.share_is_up(hit):
            trace = _middle(found.roots[found.inside & hit].assign(rank=age_s), "rank")
            old = quantity(float(age_s[found.roots["trace_id"] == trace].max()), "s")
            young = quantity(usual_s, "s")
            reason = (
                f"A typical request during the fault that was served a stale {what}, {old} old, usually up to {young}"
            )
            return (draw(observed.frame("spans"), trace, reason, found.culprit),)
    return ()


def _typical(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    reason = f"A typical request during the fault{found.through}: no more failed, slow or stale ones than before"
    trace = _middle(found.roots[found.inside], "duration_s")
    return (draw(observed.frame("spans"), trace, reason, found.culprit),)


def _beside_usual(spans: pd.DataFrame, found: Candidates, hit: pd.Series, reason: str) -> tuple[Waterfall, ...]:
    """The middle one of those that were hit, and the middle one of those from before on the same scale."""
    shown = draw(spans, _middle(found.roots[found.inside & hit], "duration_s"), reason, found.culprit)
    usual = found.roots[found.before & ~hit]
    if not len(usual):
        return (shown,)
    about = "The same path before the fault, a typical request, on the same scale"
    return shown, draw(spans, _middle(usual, "duration_s"), about, found.culprit, at_least_s=shown.length_s)


def _middle(roots: pd.DataFrame, by: str) -> str:
    ranked = roots.sort_values([by, "trace_id"], kind="stable")["trace_id"]
    return str(ranked.iloc[len(ranked) // 2])


def _by_length(roots: pd.DataFrame) -> list[str]:
    """Trace ids, shortest first."""
    return list(roots.sort_values(["duration_s", "trace_id"], kind="stable")["trace_id"])

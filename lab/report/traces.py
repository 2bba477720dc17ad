"""Which request to show: one that passed through the culprit and had the fault's effect, beside a usual one."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.recording.observed import Observed
from lab.report.format import quantity
from lab.report.requests import Requests
from lab.report.waterfall import Waterfall, draw
from lab.signals.windows import Window

Array = npt.NDArray[Any]

MORE_COMMON, RARE = 3.0, 0.01
"""An effect is the fault's when its share of the requests is this many times the usual one, and this much more."""
USUAL_QUANTILE = 0.99
"""What more than this share of the requests before the fault stayed below is usual."""
AGES = {"entry_age_s": "cache entry", "row_age_s": "database row"}
REQUEST, JOB_RUN = "request", "run of a job"
"""What a trace is of."""


@dataclass(frozen=True, slots=True)
class Candidates:
    """Masks of the root spans of the requests that may be shown, and of those from before to hold against them.

    `what`: REQUEST or JOB_RUN, which they are.
    """

    requests: Requests
    inside: Array
    before: Array
    culprit: str
    what: str

    def share_is_up(self, hit: Array) -> bool:
        """Whether what was hit is clearly more common inside than before."""
        usual = self._number(self.before & hit) / self._number(self.before) if self.before.any() else 0.0
        return self._number(self.inside & hit) / self._number(self.inside) >= MORE_COMMON * usual + RARE

    def _number(self, which: Array) -> float:
        """How many requests these stand for."""
        return float(self.requests.root_weight[which].sum())

    def count(self, hit: Array) -> str:
        """How many of the requests inside were hit; an estimate where not all were recorded."""
        about = "about " if self.requests.sampled else ""
        return f"{about}{self._number(self.inside & hit):,.0f} of {self._number(self.inside):,.0f}"

    def usual(self, values: Array) -> float:
        """What nearly all requests before stayed below; NaN, which nothing exceeds, where there were none."""
        return self.level(values, self.before, USUAL_QUANTILE)

    def level(self, values: Array, which: Array, quantile: float) -> float:
        """A quantile of what is known of these requests; NaN where nothing is."""
        known = which & ~np.isnan(values)
        if not known.any():
            return np.nan
        weights = self.requests.root_weight[known]
        return float(np.quantile(values[known], quantile, weights=weights, method="inverted_cdf"))

    @property
    def through(self) -> str:
        return f" through {self.culprit}" if self.culprit else ""

    def middle(self, which: Array, by: Array) -> int:
        """The request in the middle of those, in order of a value; ties by trace id."""
        return _in_order(self.requests, which, by, 0.5)

    def drawn(self, request: int, reason: str, at_least_s: float = 0.0) -> Waterfall:
        return _drawn(self.requests, request, reason, self.culprit, at_least_s)


def choose(observed: Observed, faults: Sequence[tuple[str, Window]]) -> tuple[Waterfall, ...]:
    """The request to show, then perhaps a usual one; none where nothing was traced.

    `faults` are culprits with their windows. The first fault whose effect a request shows is shown; where none does, a
    typical request of the first; without faults, the slowest request of the run.
    """
    requests = Requests.of(observed)
    if requests is None:
        return ()
    users = requests.began_at(str(observed.system["users"] or ""))
    if not faults:
        of_users, what = (users, REQUEST) if users.any() else (~users, JOB_RUN)
        slowest = _in_order(requests, of_users, requests.root_duration_s, 1.0)
        which = f"The slowest {'recorded ' if requests.sampled else ''}{what}"
        which += " of the run" if what == REQUEST and not requests.sampled else ""
        return (_drawn(requests, slowest, which, ""),)
    candidates = [_candidates(requests, users, culprit, window) for culprit, window in faults]
    found = [one for one in candidates if one is not None]
    # What happened at a culprit says more than what happened somewhere on the way.
    for show in (_failed_there, _slow_there, _stale, _failed, _slow, _typical):
        for one in found:
            shown = show(observed, one)
            if shown:
                return shown
    return ()


def _candidates(requests: Requests, users: Array, culprit: str, window: Window) -> Candidates | None:
    """Requests of users that passed through the culprit, else runs of jobs that did, else any requests."""
    at_s, until_s = window
    # A trace that began before the window belongs to the time before.
    inside = (requests.root_time_s >= at_s) & (requests.root_time_s < until_s)
    before = (requests.root_time_s >= 0) & (requests.root_time_s < at_s)
    through = requests.having(requests.touching(culprit))
    for group, passed, what in (
        (through & users, True, REQUEST), (through, True, JOB_RUN), (users, False, REQUEST), (~users, False, JOB_RUN)
    ):  # fmt: skip
        if (inside & group).any():
            return Candidates(requests, inside & group, before & group, culprit if passed else "", what)
    return None


def _failed_there(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    requests = found.requests
    if not found.culprit:
        return ()
    return _failures(found, requests.failed & requests.touching(found.culprit), f" at {found.culprit}")


def _failed(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    return _failures(found, found.requests.failed)


def _failures(found: Candidates, failed: Array, where: str = "") -> tuple[Waterfall, ...]:
    """A typical request that failed there, if that is more common than before."""
    hit = found.requests.having(failed)
    if not found.share_is_up(hit):
        return ()
    reason = f"A typical {found.what} during the fault{found.through} that failed{where} ({found.count(hit)} did)"
    return _beside_usual(found, hit, reason)


def _slow_there(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    if not found.culprit:
        return ()
    return _slower(found, found.requests.longest_s(found.requests.touching(found.culprit)), found.culprit)


def _slow(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    return _slower(found, found.requests.root_duration_s, "the whole of it")


def _slower(found: Candidates, took_s: Array, what: str) -> tuple[Waterfall, ...]:
    """A typical request that took unusually long there."""
    hit = took_s > found.usual(took_s)
    if not found.share_is_up(hit):
        return ()
    usually, now = (quantity(found.level(took_s, which, 0.5), "s") for which in (found.before, found.inside & hit))
    how_many = f"({found.count(hit)} were slow)"
    reason = f"A typical slow {found.what} during the fault: {what} took {now}, usually {usually} {how_many}"
    return _beside_usual(found, hit, reason)


def _stale(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    """A typical request that was served something unusually old, where the recording has ages."""
    served = observed.tables.get("features")
    if served is None:
        return ()
    for column, what in AGES.items():
        age_s = found.requests.oldest_s(served, column)
        usual_s = found.usual(age_s)
        hit = age_s > usual_s
        if found.share_is_up(hit):
            request = found.middle(found.inside & hit, age_s)
            old = quantity(float(age_s[found.requests.root == request].max()), "s")
            reason = (
                f"A typical {found.what} during the fault that was served a stale {what}, {old} old, "
                f"usually up to {quantity(usual_s, 's')}"
            )
            return (found.drawn(request, reason),)
    return ()


def _typical(observed: Observed, found: Candidates) -> tuple[Waterfall, ...]:
    reason = f"A typical {found.what} during the fault{found.through}: no more failed, slow or stale ones than before"
    return (found.drawn(found.middle(found.inside, found.requests.root_duration_s), reason),)


def _beside_usual(found: Candidates, hit: Array, reason: str) -> tuple[Waterfall, ...]:
    """The middle one of those that were hit, and the middle one of those from before on the same scale."""
    duration_s = found.requests.root_duration_s
    shown = found.drawn(found.middle(found.inside & hit, duration_s), reason)
    usual = found.before & ~hit
    if not usual.any():
        return (shown,)
    about = f"The same path before the fault, a typical {found.what}, on the same scale"
    return shown, found.drawn(found.middle(usual, duration_s), about, shown.length_s)


def _in_order(requests: Requests, which: Array, by: Array, share: float) -> int:
    """The first request beyond this share of some, or the last, in order of a value and then of the trace id."""
    values, chosen, weights = by[which], requests.root[which], requests.root_weight[which]
    beyond = share * weights.sum()

    def first(order: Array, below: float) -> int:
        at = np.searchsorted(below + np.cumsum(weights[order]), beyond, side="right")
        return int(order[min(int(at), len(order) - 1)])

    value = values[first(np.argsort(values, kind="stable"), 0.0)]
    tied = sorted(np.flatnonzero(values == value).tolist(), key=lambda n: requests.trace_ids[chosen[n]])
    return int(chosen[first(np.array(tied), float(weights[values < value].sum()))])


def _drawn(requests: Requests, request: int, reason: str, culprit: str, at_least_s: float = 0.0) -> Waterfall:
    return draw(requests.spans_of(request, culprit), requests.trace_ids[request], reason, culprit, at_least_s)

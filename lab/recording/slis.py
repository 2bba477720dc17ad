"""Service level indicators of the entry point, and the alerts that follow from them: one function for every testbed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import numpy as np
import numpy.typing as npt

from lab.recording.entries import AlertEntry
from lab.systems.topology import Slo, System

if TYPE_CHECKING:
    import pyarrow as pa

Array = npt.NDArray[Any]

CLICK_WINDOW_S = 30.0
SHOWN, CLICKED = "recommendation.impression.count", "recommendation.click.count"


@dataclass(frozen=True, slots=True)
class Indicators:
    """Service level indicators by name: a value for each of `times_s` (interval ends), NaN where one is missing."""

    times_s: Array
    values: Mapping[str, Array]

    def known(self, name: str, until_s: float = np.inf) -> tuple[Array, Array]:
        """Times and values of an indicator where it has one, up to a time; empty where it was never measured."""
        values = self.values.get(name, np.full(len(self.times_s), np.nan))
        kept = ~np.isnan(values) & (self.times_s <= until_s)
        return self.times_s[kept], values[kept]


def sli_series(metrics: pa.Table, users: str, entry: str) -> Indicators:
    """SLIs by interval end: error_ratio, latency_p95_s, and click_through_ratio (over 30 s) of a recommender.

    `metrics`: a table of that name, of which only the rows of users and of clicks are needed. Errors and latency are
    what users saw; an interval without a sample is missing.
    """
    names = ("client.request.count", "client.error.count", "client.request.duration.p95")
    seen_s, (requests, errors, p95_s) = _wide(metrics, names, users, entry)
    clicked_s, shown, clicked = _clicks(metrics)
    times_s = np.union1d(seen_s, clicked_s)
    found = {
        "error_ratio": _on(times_s, seen_s, _share(errors, requests)),
        "latency_p95_s": _on(times_s, seen_s, p95_s),
    }
    if len(clicked_s):
        found["click_through_ratio"] = _on(times_s, clicked_s, _share(clicked, shown))
    return Indicators(times_s, found)


def requests_counted(metrics: pa.Table, users: str, entry: str, until_s: float) -> Array:
    """The requests of users in each scrape interval that was counted and had ended by a time."""
    times_s, (requests,) = _wide(metrics, ["client.request.count"], users, entry)
    return requests[times_s <= until_s]


def _wide(
    metrics: pa.Table, names: Sequence[str], component: str | None = None, peer: str = ""
) -> tuple[Array, list[Array]]:
    """The interval ends with a sample of one of these metrics, and the values of each; a mean where there are two."""
    from lab.recording.arrow import numbers, texts_of

    metric = texts_of(metrics, "metric")
    mine = metric.is_any(names)
    if component is not None:
        mine &= texts_of(metrics, "service.name").is_any([component]) & texts_of(metrics, "peer.service").is_any([peer])
    time_s, codes, value = numbers(metrics["time_s"])[mine], metric.codes[mine], numbers(metrics["value"])[mine]
    times_s, at = np.unique(time_s, return_inverse=True)
    found = []
    for name in names:
        rows = (codes == metric.code(name)) & ~np.isnan(value)
        count = np.bincount(at[rows], minlength=len(times_s))
        found.append(_share(np.bincount(at[rows], value[rows], len(times_s)), count))
    return times_s, found


def _share(part: Array, whole: Array) -> Array:
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def _on(times_s: Array, own_s: Array, values: Array) -> Array:
    """Values at some of the times, on all of them."""
    found = np.full(len(times_s), np.nan)
    found[np.searchsorted(times_s, own_s)] = values
    return found


def _clicks(metrics: pa.Table) -> tuple[Array, Array, Array]:
    """Interval ends, items shown and items clicked over the last CLICK_WINDOW_S; empty without a recommender."""
    times_s, counts = _wide(metrics, (SHOWN, CLICKED))
    interval_s = float(np.median(np.diff(times_s))) if len(times_s) > 1 else CLICK_WINDOW_S
    shown, clicked = (_rolling(values, max(1, round(CLICK_WINDOW_S / interval_s))) for values in counts)
    return times_s, shown, clicked


def _rolling(values: Array, width: int) -> Array:
    """Sums of what is known of the last `width` values; NaN where nothing is."""
    known = ~np.isnan(values)
    sums, counts = (np.concatenate([np.zeros(width), np.cumsum(v)]) for v in (np.where(known, values, 0.0), known))
    total, count = sums[width:] - sums[:-width], counts[width:] - counts[:-width]
    return np.where(count > 0, total, np.nan)


def alerts(metrics: pa.Table, system: System) -> list[AlertEntry]:
    """Alert transitions in time order: an SLO fires once its condition held for `for`, and resolves when it ends.

    Click-through must miss its limit by a standard error of the share (binomial), so that nights do not page.
    """
    slis = sli_series(metrics, system.users, system.entry)
    doubt = {"click_through_ratio": _standard_errors(metrics)}
    found: list[AlertEntry] = []
    for slo in system.slos:
        times_s, values = slis.known(slo.sli)
        toward = -1.0 if slo.above is not None else 1.0
        doubts = doubt.get(slo.sli, {})
        since: float | None = None
        firing = False
        for at, value in zip(times_s.tolist(), values.tolist(), strict=True):
            if slo.holds(value + toward * doubts.get(at, 0.0)):
                since = at if since is None else since
                if not firing and at - since >= slo.for_s:
                    firing = True
                    found.append(_alert(at, slo.name, system.entry, "firing", value))
            else:
                if firing:
                    found.append(_alert(at, slo.name, system.entry, "resolved", value))
                since, firing = None, False
    return sorted(found, key=lambda a: (a["time_s"], a["slo"]))


def _standard_errors(metrics: pa.Table) -> dict[float, float]:
    """The standard error of click-through by interval end."""
    times_s, shown, clicked = _clicks(metrics)
    share = np.clip(_share(clicked, shown), 0, 1)  # a scrape may be missing of one of the two
    with np.errstate(invalid="ignore", divide="ignore"):
        return dict(zip(times_s.tolist(), np.sqrt(share * (1 - share) / shown).tolist(), strict=True))


@dataclass(frozen=True, slots=True)
class Reached:
    """How near an SLO came to its alert: the worst level, and how long its condition held without a break."""

    slo: Slo
    worst: float
    held_s: float


def reached(metrics: pa.Table, system: System) -> list[Reached]:
    """How near each SLO came to its alert; those whose SLI is not recorded are left out."""
    slis = sli_series(metrics, system.users, system.entry)
    found = []
    for slo in system.slos:
        times_s, values = slis.known(slo.sli)
        if not len(values):
            continue
        longest_s, since = 0.0, None
        for at, value in zip(times_s.tolist(), values.tolist(), strict=True):
            since = (at if since is None else since) if slo.holds(value) else None
            longest_s = max(longest_s, at - since) if since is not None else longest_s
        found.append(Reached(slo, float(values.max() if slo.above is not None else values.min()), longest_s))
    return found


def _alert(time_s: float, slo: str, entry: str, state: Literal["firing", "resolved"], value: float) -> AlertEntry:
    return {"time_s": time_s, "slo": slo, "service.name": entry, "state": state, "value": round(float(value), 6)}

"""Service level indicators of the entry point, and the alerts that follow from them: one function for every testbed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
import pandas as pd

from lab.recording.entries import AlertEntry
from lab.systems.topology import Slo, System

CLICK_WINDOW_S = 30.0


def sli_series(metrics: pd.DataFrame, users: str, entry: str) -> pd.DataFrame:
    """SLIs by interval end (index `time_s`): error_ratio, latency_p95_s, click_through_ratio (over 30 s).

    Errors and latency are what users saw; an interval without a sample is missing.
    """
    mine = metrics[(metrics["service.name"] == users) & (metrics["peer.service"] == entry)]
    wide = mine.pivot_table(index="time_s", columns="metric", values="value", observed=True)
    empty = pd.Series(np.nan, index=wide.index)
    requests = wide.get("client.request.count", empty)
    slis = pd.DataFrame(
        {
            "error_ratio": wide.get("client.error.count", empty) / requests.where(requests > 0),
            "latency_p95_s": wide.get("client.request.duration.p95", empty),
        }
    )
    counts = _clicks(metrics)
    if counts is not None:
        slis = slis.join((counts["clicked"] / counts["shown"]).rename("click_through_ratio"), how="outer")
    return slis


def _clicks(metrics: pd.DataFrame) -> pd.DataFrame | None:
    """Items `shown` (missing where none was) and `clicked` over the last CLICK_WINDOW_S; None without a recommender."""
    mine = metrics[metrics["metric"].isin(["recommendation.impression.count", "recommendation.click.count"])]
    if not len(mine):
        return None
    counts = mine.pivot_table(index="time_s", columns="metric", values="value", observed=True)
    interval_s = float(np.median(np.diff(counts.index))) if len(counts) > 1 else CLICK_WINDOW_S
    rolling = counts.rolling(max(1, round(CLICK_WINDOW_S / interval_s)), min_periods=1).sum()
    impressions = rolling["recommendation.impression.count"]
    return pd.DataFrame({"shown": impressions.where(impressions > 0), "clicked": rolling["recommendation.click.count"]})


def alerts(metrics: pd.DataFrame, system: System) -> list[AlertEntry]:
    """Alert transitions in time order: an SLO fires once its condition held for `for`, and resolves when it ends.

    Click-through must miss its limit by a standard error of the share (binomial), so that nights do not page.
    """
    slis = sli_series(metrics, system.users, system.entry)
    counts = _clicks(metrics)
    margin = {}
    if counts is not None:
        share = (counts["clicked"] / counts["shown"]).clip(0, 1)  # a scrape may be missing of one of the two
        margin["click_through_ratio"] = np.sqrt(share * (1 - share) / counts["shown"])
    found: list[AlertEntry] = []
    for slo in system.slos:
        if slo.sli not in slis:
            continue
        since: float | None = None
        firing = False
        known = slis[slo.sli].dropna()
        toward = margin.get(slo.sli, 0.0 * known).reindex(known.index) * (-1 if slo.above is not None else 1)
        for (time_s, value), doubt in zip(known.items(), toward, strict=True):
            at = float(str(time_s))
            if slo.holds(value + doubt):
                since = at if since is None else since
                if not firing and at - since >= slo.for_s:
                    firing = True
                    found.append(_alert(at, slo.name, system.entry, "firing", value))
            else:
                if firing:
                    found.append(_alert(at, slo.name, system.entry, "resolved", value))
                since, firing = None, False
    return sorted(found, key=lambda a: (a["time_s"], a["slo"]))


@dataclass(frozen=True, slots=True)
class Reached:
    """How near an SLO came to its alert: the worst level, and how long its condition held without a break."""

    slo: Slo
    worst: float
    held_s: float


def reached(metrics: pd.DataFrame, system: System) -> list[Reached]:
    """How near each SLO came to its alert; those whose SLI is not recorded are left out."""
    slis = sli_series(metrics, system.users, system.entry)
    found = []
    for slo in system.slos:
        known = slis[slo.sli].dropna() if slo.sli in slis else pd.Series(dtype=float)
        if not len(known):
            continue
        held = pd.Series([slo.holds(float(value)) for value in known], index=known.index)
        spells = known.index.to_series()[held].groupby((~held).cumsum()[held])
        held_s = max((float(times.iloc[-1] - times.iloc[0]) for _, times in spells), default=0.0)
        found.append(Reached(slo, float(known.max() if slo.above is not None else known.min()), held_s))
    return found


def _alert(time_s: float, slo: str, entry: str, state: Literal["firing", "resolved"], value: float) -> AlertEntry:
    return {"time_s": time_s, "slo": slo, "service.name": entry, "state": state, "value": round(float(value), 6)}

"""Service level indicators of a recording, and the alerts that follow from them: one function for every testbed.

Each SLI is a function of the recorded metrics that its registration names. Those of the core are here: what users saw
of their requests.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

import numpy as np
import numpy.typing as npt

from lab.errors import Problem, UserError
from lab.recording.entries import AlertEntry
from lab.registration.costs import Cost
from lab.registration.known import slis_of
from lab.registration.slis import Sli
from lab.registration.world import loaded
from lab.systems.topology import Slo, System

if TYPE_CHECKING:
    import pyarrow as pa

    from lab.recording.arrow import Coded

Array = npt.NDArray[Any]


class Level(NamedTuple):
    """An SLI by interval: values at some of the interval ends, NaN where one is missing.

    `errors`: the standard error of each value, where there is one. An alert is then given the value only where it
    misses its limit by that much, so that few samples do not page. `of`: the component that each value is about, where
    that is not the entry point.
    """

    times_s: Array
    values: Array
    errors: Array | None = None
    of: Sequence[str] | None = None

    def known(self, until_s: float = np.inf) -> tuple[Array, Array]:
        """Times and values where there are any, up to a time."""
        kept = ~np.isnan(self.values) & (self.times_s <= until_s)
        return self.times_s[kept], self.values[kept]


@dataclass(slots=True)
class Samples:
    """What SLIs are computed from: a table of metrics, of which only the rows that they need have to be there.

    `users` and `entry`: who sends requests, and the component that takes them; None where none come. `interval_s`:
    between scrapes. `periods_s`: of each job.
    """

    metrics: pa.Table
    users: str | None
    entry: str | None
    interval_s: float
    periods_s: Mapping[str, float]
    _texts: dict[str, Coded] = field(default_factory=dict, init=False, repr=False)

    @classmethod
    def of(cls, metrics: pa.Table, system: System) -> Samples:
        """The metrics of a system."""
        return cls(metrics, system.users, system.entry, system.scrape_interval_s, system.periods_s)

    @classmethod
    def recorded(cls, metrics: pa.Table, system: Mapping[str, Any]) -> Samples:
        """The metrics of a recording, by its `system.json`."""
        parts = system["components"].items()
        periods_s = {name: float(part["period_s"]) for name, part in parts if part["kind"] == "job"}
        return cls(metrics, system["users"], system["entry"], float(system["scrape_interval_s"]), periods_s)

    def wide(self, names: Sequence[str], component: str | None = None, peer: str = "") -> tuple[Array, list[Array]]:
        """The interval ends with a sample of one of these metrics, and the values of each: NaN where one is missing.

        Of all components where none is named. Where one interval has several samples of a metric, it is their mean.
        """
        from lab.recording.arrow import numbers

        metric = self._coded("metric")
        mine = metric.is_any(names)
        if component is not None:
            mine &= self._coded("service.name").is_any([component])
        if peer:
            mine &= self._coded("peer.service").is_any([peer])
        time_s, codes = numbers(self.metrics["time_s"])[mine], metric.codes[mine]
        value = numbers(self.metrics["value"])[mine]
        times_s, at = np.unique(time_s, return_inverse=True)
        found = []
        for name in names:
            rows = (codes == metric.code(name)) & ~np.isnan(value)
            count = np.bincount(at[rows], minlength=len(times_s))
            found.append(share(np.bincount(at[rows], value[rows], len(times_s)), count))
        return times_s, found

    def of_users(self, *names: str) -> tuple[Array, list[Array]]:
        """The same of client metrics of the users' requests."""
        return self.wide([f"client.{name}" for name in names], self.users or "", self.entry or "")

    def of_job(self, job: str, *names: str) -> tuple[Array, list[Array]]:
        """The same of a job's metrics."""
        return self.wide([f"job.{name}" for name in names], job)

    def _coded(self, column: str) -> Coded:
        from lab.recording.arrow import texts_of

        if column not in self._texts:
            self._texts[column] = texts_of(self.metrics, column)
        return self._texts[column]


def share(part: Array, whole: Array) -> Array:
    """Shares of a whole, NaN where that is nothing."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def rolling(values: Array, width: int) -> Array:
    """Sums of what is known of the last `width` values; NaN where nothing is."""
    known = ~np.isnan(values)
    sums, counts = (np.concatenate([np.zeros(width), np.cumsum(v)]) for v in (np.where(known, values, 0.0), known))
    total, count = sums[width:] - sums[:-width], counts[width:] - counts[:-width]
    return np.where(count > 0, total, np.nan)


def counted_ratio(samples: Samples, part: str, whole: str, intervals: int) -> Level:
    """One count's share of another over the last intervals, with its binomial standard error."""
    times_s, counts = samples.wide((part, whole))
    some, all_of_them = (rolling(values, intervals) for values in counts)
    ratio = share(some, all_of_them)
    certain = np.clip(ratio, 0, 1)  # a scrape may be missing of one of the two
    with np.errstate(invalid="ignore", divide="ignore"):
        return Level(times_s, ratio, np.sqrt(certain * (1 - certain) / all_of_them))


def error_ratio(samples: Samples) -> Level:
    """Requests of users that failed, of all."""
    times_s, (requests, errors) = samples.of_users("request.count", "error.count")
    return Level(times_s, share(errors, requests))


def availability(samples: Samples) -> Level:
    """Requests of users that were answered, of all."""
    failed = error_ratio(samples)
    return Level(failed.times_s, 1 - failed.values)


def latency_p50_s(samples: Samples) -> Level:
    """Median of what users waited."""
    return _duration(samples, "p50")


def latency_p95_s(samples: Samples) -> Level:
    """95th percentile of what users waited."""
    return _duration(samples, "p95")


def latency_p99_s(samples: Samples) -> Level:
    """99th percentile of what users waited."""
    return _duration(samples, "p99")


def _duration(samples: Samples, of: str) -> Level:
    times_s, (seconds,) = samples.of_users(f"request.duration.{of}")
    return Level(times_s, seconds)


def job_age_periods(samples: Samples) -> Level:
    """How long ago the job that is most overdue last succeeded, in periods of that job."""
    return _worst({job: job_age(samples, job) for job in samples.periods_s})


def job_failure_ratio(samples: Samples) -> Level:
    """Runs that failed, of all in the last intervals, of the job of which most did."""
    return _worst({job: job_failures(samples, job) for job in samples.periods_s})


def job_age(samples: Samples, job: str) -> Level:
    """How long ago a job last succeeded, in its periods."""
    times_s, (age_s,) = samples.of_job(job, "last_success.age")
    return Level(times_s, age_s / samples.periods_s[job])


def job_failures(samples: Samples, job: str) -> Level:
    """Runs of a job that failed, of all in so many intervals as its longest period between two scrapes takes."""
    times_s, (runs, failed) = samples.of_job(job, "run.count", "failure.count")
    width = int(np.ceil(samples.periods_s[job] / samples.interval_s)) + 1
    return Level(times_s, share(rolling(failed, width), rolling(runs, width)))


def _worst(levels: Mapping[str, Level]) -> Level:
    """The highest of some levels in each interval, and whose it is."""
    times_s = np.unique(np.concatenate([np.empty(0), *(level.times_s for level in levels.values())]))
    values = np.full((len(levels), len(times_s)), -np.inf)
    for row, level in zip(values, levels.values(), strict=True):
        row[np.searchsorted(times_s, level.times_s)] = np.where(np.isnan(level.values), -np.inf, level.values)
    if not len(times_s):
        return Level(times_s, np.empty(0), of=())
    names, first, highest = list(levels), values.argmax(axis=0), values.max(axis=0)
    return Level(times_s, np.where(highest > -np.inf, highest, np.nan), of=[names[row] for row in first.tolist()])


def computed(sli: Sli | Cost, samples: Samples) -> Level:
    """An SLI of these metrics, or a cost."""
    level = loaded(sli.of)(samples)
    if isinstance(level, Level) and all(_fits(part, len(level.times_s)) for part in level[:3] if part is not None):
        return level
    seen = f"{level!r}"[:80]
    expected = "a lab.recording.slis.Level: a finite number for each of its times, NaN where one is missing"
    raise UserError(Problem(f"{sli.of!r} gave what is no level of {sli.name!r}", seen=seen, expected=expected))


def _fits(part: Any, count: int) -> bool:
    """Whether this is an array of so many finite numbers or NaN."""
    return (
        isinstance(part, np.ndarray)
        and part.shape == (count,)
        and part.dtype.kind in "iuf"
        and not np.isinf(part).any()
    )


def sli_series(metrics: pa.Table, system: System, names: Collection[str]) -> Mapping[str, Level]:
    """These SLIs of a system, those left out that neither the core nor its world has."""
    samples, slis = Samples.of(metrics, system), slis_of(system.world.name if system.world else None)
    return {name: computed(slis[name], samples) for name in dict.fromkeys(names) if name in slis}


def requests_counted(metrics: pa.Table, system: System, until_s: float) -> Array:
    """The requests of users in each scrape interval that was counted and had ended by a time."""
    times_s, (requests,) = Samples.of(metrics, system).of_users("request.count")
    return requests[times_s <= until_s]


def alerts(metrics: pa.Table, system: System) -> list[AlertEntry]:
    """Alert transitions in time order: an SLO fires once its condition held for `for`, and resolves when it ends.

    An SLI that has a standard error must miss its limit by that.
    """
    slis = sli_series(metrics, system, [slo.sli for slo in system.slos])
    found: list[AlertEntry] = []
    for slo in system.slos:
        if slo.sli not in slis:
            continue
        toward = -1.0 if slo.above is not None else 1.0
        since: float | None = None
        firing: str | None = None
        for at, value, error, component in _with_errors(slis[slo.sli], system.entry or ""):
            if slo.holds(value + toward * error):
                since = at if since is None else since
                if firing is None and at - since >= slo.for_s:
                    firing = component
                    found.append(_alert(at, slo.name, component, "firing", value))
            else:
                if firing is not None:  # of whom it told, whoever is the worst of those that are well again
                    found.append(_alert(at, slo.name, firing, "resolved", value))
                since, firing = None, None
    return sorted(found, key=lambda a: (a["time_s"], a["slo"]))


def _with_errors(level: Level, entry: str) -> Sequence[tuple[float, float, float, str]]:
    """Time, value, standard error and component of each known value."""
    errors = np.zeros(len(level.values)) if level.errors is None else np.nan_to_num(level.errors)
    kept = ~np.isnan(level.values)
    whose = np.array([entry] * len(kept) if level.of is None else level.of, str)
    return list(zip(*(column[kept].tolist() for column in (level.times_s, level.values, errors, whose)), strict=True))


@dataclass(frozen=True, slots=True)
class Reached:
    """How near an SLO came to its alert: the worst level, and how long its condition held without a break."""

    slo: Slo
    worst: float
    held_s: float


def reached(metrics: pa.Table, system: System) -> list[Reached]:
    """How near each SLO came to its alert; those whose SLI is not recorded are left out."""
    slis = sli_series(metrics, system, [slo.sli for slo in system.slos])
    found = []
    for slo in system.slos:
        times_s, values = slis[slo.sli].known() if slo.sli in slis else (np.empty(0), np.empty(0))
        if not len(values):
            continue
        longest_s, since = 0.0, None
        for at, value in zip(times_s.tolist(), values.tolist(), strict=True):
            since = (at if since is None else since) if slo.holds(value) else None
            longest_s = max(longest_s, at - since) if since is not None else longest_s
        found.append(Reached(slo, float(values.max() if slo.above is not None else values.min()), longest_s))
    return found


def _alert(time_s: float, slo: str, component: str, state: Literal["firing", "resolved"], value: float) -> AlertEntry:
    return {"time_s": time_s, "slo": slo, "service.name": component, "state": state, "value": round(float(value), 6)}

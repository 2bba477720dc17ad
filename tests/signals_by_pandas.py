"""The signals once more, by pandas: a second, slower reading of their definitions that tests hold the lab's against."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd

from lab.recording.observed import Observed
from lab.signals import Series

Array = npt.NDArray[Any]


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
    """Items `shown` (missing where none was) and `clicked` over the last CLICK_WINDOW_S; None without any."""
    mine = metrics[metrics["metric"].isin(["recommendation.impression.count", "recommendation.click.count"])]
    if not len(mine):
        return None
    counts = mine.pivot_table(index="time_s", columns="metric", values="value", observed=True)
    interval_s = float(np.median(np.diff(counts.index))) if len(counts) > 1 else CLICK_WINDOW_S
    rolling = counts.rolling(max(1, round(CLICK_WINDOW_S / interval_s)), min_periods=1).sum()
    impressions = rolling["recommendation.impression.count"]
    return pd.DataFrame({"shown": impressions.where(impressions > 0), "clicked": rolling["recommendation.click.count"]})


EXPIRY_INTERVALS = 6


class Grid:
    """The scrape intervals of a recording: `ends_s`, and the interval of any time."""

    def __init__(self, observed: Observed) -> None:
        self.interval_s = float(observed.system["scrape_interval_s"])
        self.count = int(observed.end_s / self.interval_s)
        self.ends_s = np.arange(1, self.count + 1, dtype=np.float64) * self.interval_s

    def bins(self, times_s: Array) -> Array:
        """Interval index of each time; `count` for times past the last interval."""
        return np.minimum((np.asarray(times_s) / self.interval_s).astype(np.int64), self.count)

    def sums(self, bins: Array, weights: Array | None = None) -> Array:
        """Sum (or count) per interval."""
        return np.bincount(bins, weights, minlength=self.count + 1)[: self.count].astype(float)

    def series(self, signal: str, subject: str, values: Array) -> Series:
        return Series(signal, subject, self.ends_s, np.asarray(values, np.float64))


class _Metrics:
    """Metric values by (component, metric, peer, attribute) on the grid; NaN where a sample is missing."""

    def __init__(self, frame: pd.DataFrame, grid: Grid) -> None:
        self._grid = grid
        self._values: dict[tuple[Any, ...], Array] = {}
        keys = ["service.name", "metric", "peer.service", "attribute"]
        at = np.rint(frame["time_s"].to_numpy() / grid.interval_s).astype(np.int64) - 1
        codes = [pd.Categorical(frame[k]) for k in keys]
        packed = np.zeros(len(frame), np.int64)
        for code in codes:
            packed = packed * (len(code.categories) + 1) + (code.codes.astype(np.int64) + 1)
        order = np.argsort(packed, kind="stable")
        values = frame["value"].to_numpy()
        for rows in np.split(order, np.flatnonzero(np.diff(packed[order])) + 1):
            if len(rows):
                name = tuple("" if c.codes[rows[0]] < 0 else c.categories[c.codes[rows[0]]] for c in codes)
                series = np.full(grid.count, np.nan)
                kept = at[rows] < grid.count
                series[at[rows][kept]] = values[rows][kept]
                self._values[name] = series
        self.names = list(self._values)

    def get(self, component: str, metric: str, peer: str = "", attribute: str = "") -> Array:
        return self._values.get((component, metric, peer, attribute), np.full(self._grid.count, np.nan))


def ratio(part: Array, whole: Array) -> Array:
    """part / whole, NaN where nothing happened."""
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(whole > 0, part / whole, np.nan)


def recent_mean(values: Array, width: int) -> Array:
    """Mean over the last `width` intervals at each; NaN where less than half of them are known."""
    known = ~np.isnan(values)
    sums, counts = (np.concatenate([np.zeros(width), np.cumsum(v)]) for v in (np.where(known, values, 0.0), known))
    total, count = sums[width:] - sums[:-width], counts[width:] - counts[:-width]
    return ratio(total, np.where(2 * count >= width, count, 0))


def telemetry(observed: Observed, grid: Grid) -> Iterator[Series]:
    """All signals of this module."""
    metrics = _Metrics(observed.frame("metrics"), grid)
    yield from _slis(observed, grid)
    for link in observed.system["links"]:
        yield from _link(link, metrics, grid)
    for name, component in observed.system["components"].items():
        if component["kind"] not in ("users", "job"):
            yield from _component(name, observed, metrics, grid)
    for component, metric, peer, attribute in metrics.names:
        if metric == "fallback.count":
            used = metrics.get(component, metric, peer, attribute)
            handled = metrics.get(component, "server.request.count")
            yield grid.series("fallback_ratio", f"{component}.{attribute}", ratio(used, handled))
        elif metric == "cache.hit.count":
            hits = metrics.get(component, metric)
            total = hits + metrics.get(component, "cache.miss.count")
            yield grid.series("cache_hit_ratio", component, ratio(hits, total))
        elif metric == "cache.expired.count":
            # Entries that were written together expire together: the rate is steady over some seconds only.
            rate = recent_mean(metrics.get(component, metric) / grid.interval_s, EXPIRY_INTERVALS)
            yield grid.series("cache_expiry_rate_per_s", component, rate)
        elif metric == "job.last_success.age":
            yield grid.series("job_last_success_age_s", component, metrics.get(component, metric))
        elif metric == "model.version" and not attribute:
            yield grid.series("model_version", component, metrics.get(component, metric))
        elif metric == "system.pressure.stalled.ratio" and attribute.endswith(".some"):
            subject = f"{component}.{attribute.removesuffix('.some')}"
            yield grid.series("pressure_stall_ratio", subject, metrics.get(component, metric, attribute=attribute))
        elif metric == "system.cpu.steal.ratio":
            yield grid.series("cpu_steal_ratio", component, metrics.get(component, metric))
    yield from _pools(observed, grid)
    yield from _contract_violations(observed, metrics, grid)
    yield from _own_errors(observed, grid)
    yield from _answered(observed, metrics, grid)
    yield from _transit(observed, grid)


def _short(waiting: Any, in_use: Any, size: int) -> Any:
    """Who waits while not all are in use."""
    return (waiting.gt(0) & in_use.lt(size)).astype(float).where(waiting.notna() & in_use.notna())


def _full(_: Any, in_use: Any, size: int) -> Any:
    """When all are in use."""
    return in_use.ge(size).astype(float).where(in_use.notna())


def _pools(observed: Observed, grid: Grid) -> Iterator[Series]:
    """Signals of connections by link, of workers by component."""
    frame, system = observed.frame("metrics"), observed.system
    frame = frame.assign(**{key: frame[key].astype("object").fillna("") for key in ("peer.service", "attribute")})
    wide = frame.pivot_table(
        index=["service.name", "peer.service", "attribute", "time_s"], columns="metric", values="value", observed=True
    )
    if "client.connection.count" in wide:
        mine = wide[wide["client.connection.count"].notna()]
        taken = mine["client.connection.wait_time.count"]
        mine = mine.assign(waited=(mine.get("client.connection.wait_time.mean", np.nan) * taken).where(taken > 0, 0.0))
        pools = mine.index.droplevel("time_s").unique().to_frame(index=False)
        for (caller, callee), of in pools.groupby(["service.name", "peer.service"], observed=True):
            parts = [mine.loc[tuple(pool)].reindex(grid.ends_s) for pool in of.itertuples(index=False)]
            total: Any = sum(parts[1:], parts[0])
            none, got = total["client.connection.timeout.count"], total["client.connection.wait_time.count"]
            pool = f"{caller}.{callee}"
            shorts, fulls = [], []
            for step, part in zip(of["attribute"], parts, strict=True):
                holders = [one for one in system["components"][caller]["steps"] if one["name"] == step]
                holder = holders[0] if step else system["links"][f"{caller}->{callee}"]
                waiting, size = part["client.connection.pending_requests"], holder["pool"]["size"]
                shorts.append(_short(waiting, part["client.connection.count"], size))
                fulls.append(_full(waiting, part["client.connection.count"], size))
            for name, found in (("starved", shorts), ("saturated", fulls)):
                worst = pd.concat(found, axis=1).max(axis=1, skipna=False)
                yield grid.series(f"connection_{name}_ratio", pool, worst.to_numpy())
            yield grid.series("connections_in_use", pool, total["client.connection.count"].to_numpy())
            yield grid.series("connection_wait_mean_s", pool, ratio(total["waited"].to_numpy(), got.to_numpy()))
            yield grid.series("connection_exhausted_ratio", pool, ratio(none.to_numpy(), (got + none).to_numpy()))
    if "server.worker.count" in wide:
        owners = wide[wide["server.worker.count"].notna()].index.get_level_values(0).unique()
        for name in owners:
            own = wide.loc[(name, "", "")].reindex(grid.ends_s)
            shed = own["server.queue.shed.count"]
            come = shed + own["server.request.count"]
            wait_s = own.get("server.queue.wait_time.mean", pd.Series(np.nan, index=own.index))
            workers = system["components"][name]["workers"]
            for signal, of in (("worker_starved_ratio", _short), ("worker_saturated_ratio", _full)):
                found = of(own["server.queue.length"], own["server.worker.count"], workers)
                yield grid.series(signal, name, found.to_numpy())
            yield grid.series("workers_in_use", name, own["server.worker.count"].to_numpy())
            yield grid.series("queue_length", name, own["server.queue.length"].to_numpy())
            yield grid.series("queue_wait_mean_s", name, wait_s.to_numpy())
            yield grid.series("queue_shed_ratio", name, ratio(shed.to_numpy(), come.to_numpy()))


def _slis(observed: Observed, grid: Grid) -> Iterator[Series]:
    users, entry = observed.system["users"], observed.system["entry"]
    slis = sli_series(observed.frame("metrics"), users, entry)
    for name in ("error_ratio", "latency_p95_s"):
        values = slis[name].reindex(grid.ends_s).to_numpy() if name in slis else np.full(grid.count, np.nan)
        yield grid.series(name, f"{users}->{entry}", values)


def _link(link: str, metrics: _Metrics, grid: Grid) -> Iterator[Series]:
    caller, callee = link.split("->")
    requests = metrics.get(caller, "client.request.count", callee)
    p50 = metrics.get(caller, "client.request.duration.p50", callee)
    yield grid.series("client_error_ratio", link, ratio(metrics.get(caller, "client.error.count", callee), requests))
    yield grid.series(
        "client_timeout_ratio", link, ratio(metrics.get(caller, "client.timeout.count", callee), requests)
    )
    yield grid.series("client_duration_p50_s", link, p50)


def _component(name: str, observed: Observed, metrics: _Metrics, grid: Grid) -> Iterator[Series]:
    requests = metrics.get(name, "server.request.count")
    callers = [link.split("->")[0] for link in observed.system["links"] if link.endswith(f"->{name}")]
    # A caller whose sample is missing makes the sum unknown; it does not mean that it made no calls.
    attempts = sum((metrics.get(caller, "client.request.count", name) for caller in callers), np.zeros(grid.count))
    for key in metrics.names:  # what got no connection was not sent; what was turned away at the queue did arrive
        if key[1:3] == ("client.connection.timeout.count", name) and key[0] in callers:
            attempts = attempts - metrics.get(*key)
    shed = metrics.get(name, "server.queue.shed.count")
    pooled = (name, "server.queue.shed.count", "", "") in metrics.names
    yield grid.series("arrival_ratio", name, ratio(requests + shed if pooled else requests, attempts))
    yield grid.series("server_error_ratio", name, ratio(metrics.get(name, "server.error.count"), requests))
    yield grid.series("server_duration_p50_s", name, metrics.get(name, "server.request.duration.p50"))
    yield grid.series("cpu_utilization_ratio", name, metrics.get(name, "process.cpu.utilization"))
    yield grid.series("cpu_throttled_ratio", name, metrics.get(name, "process.cpu.throttled.ratio"))
    yield grid.series("request_rate_per_s", name, requests / grid.interval_s)
    busy_s = (
        metrics.get(name, "process.cpu.utilization") * observed.system["components"][name]["workers"] * grid.interval_s
    )
    yield grid.series("busy_time_mean_s", name, ratio(busy_s, requests))
    elsewhere = np.zeros(grid.count)
    for link in observed.system["links"]:
        caller, callee = link.split("->")
        if caller == name:
            count = metrics.get(name, "client.request.count", callee)
            spent = count * metrics.get(name, "client.request.duration.mean", callee)
            elsewhere += np.where(count > 0, np.nan_to_num(spent), 0.0)
    total = requests * metrics.get(name, "server.request.duration.mean")
    yield grid.series("self_time_mean_s", name, ratio(np.maximum(total - elsewhere, 0.0), requests))


def _contract_violations(observed: Observed, metrics: _Metrics, grid: Grid) -> Iterator[Series]:
    """Rows that a component could not read, of the requests it handled; only where it logged any."""
    logs = observed.frame("logs")
    broken = logs[logs["event.name"] == "feature_contract_violation"]
    for component, lines in broken.groupby("service.name", observed=True):
        handled = metrics.get(str(component), "server.request.count")
        counted = grid.sums(grid.bins(lines["time_s"].to_numpy()))
        yield grid.series("contract_violation_ratio", str(component), ratio(counted, handled))


def _own_errors(observed: Observed, grid: Grid) -> Iterator[Series]:
    """Failures that began in a component: its server spans with status error (not a failed dependency)."""
    spans = observed.frame("spans")
    if not len(spans):
        return
    server = (spans["span.kind"] == "server").to_numpy()
    names = pd.Categorical(spans["service.name"])
    codes = names.codes[server].astype(np.int64)
    ends = (spans["time_s"].to_numpy() + spans["duration_s"].to_numpy())[server]
    failed = spans["status"].isin(["error", "unavailable"]).to_numpy()[server]
    keys = codes * (grid.count + 1) + grid.bins(np.maximum(ends, 0))
    size = len(names.categories) * (grid.count + 1)
    total, bad = np.bincount(keys, minlength=size), np.bincount(keys[failed], minlength=size)
    shares = ratio(bad.astype(float), total.astype(float)).reshape(len(names.categories), grid.count + 1)
    for i, name in enumerate(names.categories):
        if i in set(codes.tolist()):
            yield grid.series("own_error_ratio", name, shares[i, : grid.count])


def _answered(observed: Observed, metrics: _Metrics, grid: Grid) -> Iterator[Series]:
    """Per link, of attempts that were answered: median duration, and what of it passed outside the callee."""
    spans = observed.frame("spans")
    if not len(spans):
        return
    client = (spans["span.kind"] == "client").to_numpy() & spans["status"].isin(["ok", "miss"]).to_numpy()
    caller, peer = pd.Categorical(spans["service.name"]), pd.Categorical(spans["peer.service"])
    client &= (caller.codes >= 0) & (peer.codes >= 0)
    if not client.any():
        return
    duration_s = spans["duration_s"].to_numpy()[client]
    bins = grid.bins(np.maximum(spans["time_s"].to_numpy()[client] + duration_s, 0))
    callers, peers = caller.codes[client].astype(np.int64), peer.codes[client].astype(np.int64)
    keys = (callers * len(peer.categories) + peers) * (grid.count + 1) + bins
    order = np.lexsort((duration_s, keys))
    keys, duration_s = keys[order], duration_s[order]
    firsts = np.flatnonzero(np.r_[True, np.diff(keys) > 0])
    sizes = np.diff(np.r_[firsts, len(keys)])
    medians = duration_s[firsts + (sizes - 1) // 2]
    table = np.full((len(caller.categories) * len(peer.categories), grid.count + 1), np.nan)
    table[keys[firsts] // (grid.count + 1), keys[firsts] % (grid.count + 1)] = medians
    for i, from_ in enumerate(caller.categories):
        for j, to in enumerate(peer.categories):
            values = table[i * len(peer.categories) + j, : grid.count]
            if f"{from_}->{to}" in observed.system["links"]:
                yield grid.series("answered_duration_p50_s", f"{from_}->{to}", values)
                network_s = _outside(spans, str(from_), str(to), grid)
                if network_s is None:
                    network_s = values - metrics.get(str(to), "server.request.duration.p50")
                yield grid.series("network_time_s", f"{from_}->{to}", np.maximum(network_s, 0))


def _outside(spans: pd.DataFrame, caller: str, callee: str, grid: Grid) -> Any:
    """Median time of answered attempts that is not their server span's; None where the callee has no such spans."""
    of = spans[(spans["service.name"] == caller) & (spans["peer.service"] == callee)]
    of = of[(of["span.kind"] == "client") & of["status"].isin(["ok", "miss"])]
    server = spans[(spans["span.kind"] == "server") & spans["peer.service"].notna()]
    both = of.merge(server, left_on="span_id", right_on="parent_span_id", suffixes=("", "_server"))
    if not len(both):
        return None
    bins = grid.bins(np.maximum((both["time_s"] + both["duration_s"]).to_numpy(), 0))
    outside_s = both["duration_s"] - both["duration_s_server"]
    # The lower median, as of the durations.
    medians = outside_s.groupby(bins).quantile(0.5, interpolation="lower")
    return medians.reindex(range(grid.count)).to_numpy()


def _transit(observed: Observed, grid: Grid) -> Iterator[Series]:
    """Per link to a component with server spans: median time from a client span's start to its server span's."""
    spans = observed.frame("spans")
    if not len(spans):
        return
    kind = spans["span.kind"]
    server = spans.loc[kind == "server", ["time_s", "parent_span_id", "service.name", "peer.service"]]
    sent = spans.loc[kind == "client"].set_index("span_id")["time_s"]
    at = sent.index.get_indexer(server["parent_span_id"])
    matched = (at >= 0) & server["peer.service"].notna().to_numpy()
    if not matched.any():
        return
    started_s = sent.to_numpy()[at[matched]]
    table = pd.DataFrame(
        {
            "transit_s": server["time_s"].to_numpy()[matched] - started_s,
            "bin": grid.bins(np.maximum(started_s, 0)),
            "link": server["peer.service"].astype(str).to_numpy()[matched]
            + "->"
            + server["service.name"].astype(str).to_numpy()[matched],
        }
    )
    for link, mine in table.groupby("link"):
        medians = mine.groupby("bin")["transit_s"].median().reindex(range(grid.count)).to_numpy()
        yield grid.series("request_transit_p50_s", str(link), medians)


BUCKETS = 10
DRIFT_INTERVALS = 3
DRIFT_INTERVALS_MAX = 12
RESCORE_INTERVALS = 6
MIN_DRIFT_ROWS = 100
RANGE_MARGIN = 0.1
MIN_CLICKS, MIN_RANKED = 20, 30


def content(observed: Observed, grid: Grid) -> Iterator[Series]:
    """All signals of this module; nothing where the system serves no features and makes no predictions."""
    if len(observed.frame("features")):
        yield from _ages(observed.frame("features"), grid)
        yield from _violations(observed, grid)
        yield from _columns(observed, grid)
        yield from _mismatches(observed, grid)
    if len(observed.frame("predictions")):
        yield from _predictions(observed, grid)


def _mismatches(observed: Observed, grid: Grid) -> Iterator[Series]:
    """By source, rows that differ in most stored columns from the user's rows of the store before and after them."""
    contract = observed.reference.get("contract.json", {})
    features = observed.frame("features")
    columns = [f"feature.{one['name']}" for one in contract.get("features", []) if not one.get("derived_from")]
    if not columns:
        return
    rows = features.sort_values(["user_id", "time_s"], kind="stable").reset_index(drop=True)
    stored = rows["source"] == contract["component"]
    differs = pd.Series(True, index=rows.index)
    known = ~stored
    for side in ("ffill", "bfill"):
        place = pd.Series(rows.index, index=rows.index).where(stored).groupby(rows["user_id"], observed=True)
        other = getattr(place, side)()
        known &= other.notna()
        theirs = rows[columns].astype(float).reindex(other).to_numpy()
        mine = rows[columns].astype(float).to_numpy()
        is_same = (mine == theirs) | (np.isnan(mine) & np.isnan(theirs))
        differs &= is_same.sum(axis=1) < len(columns) / 2
    bins = pd.Series(grid.bins(rows["time_s"].to_numpy()), index=rows.index)
    for name in rows["source"][known & (rows["source"] != "default")].astype(str).unique():
        which = known & (rows["source"] == name)
        shares = differs[which].groupby(bins[which]).mean()
        yield grid.series("entry_mismatch_ratio", name, shares.reindex(range(len(grid.ends_s))).to_numpy())


def _rolling(values: Array, width: int) -> Array:
    """Sums over the last `width` intervals, along the first axis."""
    total = np.cumsum(values, axis=0)
    return np.concatenate([total[:width], total[width:] - total[:-width]])


def _ages(features: pd.DataFrame, grid: Grid) -> Iterator[Series]:
    bins = grid.bins(features["time_s"].to_numpy())
    source = pd.Categorical(features["source"])
    row_age = features["row_age_s"].to_numpy()
    known = "entry_age_s" in features  # only where the cache's entries have it
    entry_age = features["entry_age_s"].to_numpy() if known else np.full(len(features), np.nan)
    for code, name in enumerate(source.categories):
        aged = (source.codes == code) & ~np.isnan(row_age)
        if aged.any():
            count = grid.sums(bins[aged])
            yield grid.series("row_age_mean_s", name, ratio(grid.sums(bins[aged], row_age[aged]), count))
        held = (source.codes == code) & ~np.isnan(entry_age)
        if held.any():
            p95 = np.full(grid.count, np.nan)
            for bin_, ages in pd.Series(entry_age[held]).groupby(bins[held]):
                if int(str(bin_)) < grid.count:
                    p95[int(str(bin_))] = np.percentile(ages, 95)
            yield grid.series("entry_age_p95_s", name, p95)


def _violations(observed: Observed, grid: Grid) -> Iterator[Series]:
    """Violations by column, where the log names it."""
    logs = observed.frame("logs")
    broken = logs[logs["event.name"] == "feature_contract_violation"]
    rows = grid.sums(grid.bins(observed.frame("features")["time_s"].to_numpy()))
    for column, lines in broken.groupby("subject", observed=True):
        counted = grid.sums(grid.bins(lines["time_s"].to_numpy()))
        yield grid.series("feature_violation_ratio", str(column), ratio(counted, rows))


def _columns(observed: Observed, grid: Grid) -> Iterator[Series]:
    """Per feature column: nulls, and drift against the training sample."""
    features, sample = observed.frame("features"), observed.reference_frame("training_sample")
    served = features["row_age_s"].notna().to_numpy()
    bins = grid.bins(features["time_s"].to_numpy()[served])
    width = _drift_width(bins, grid)
    for name in (c for c in features.columns if c.startswith("feature.")):
        column = name.removeprefix("feature.")
        values = features[name].to_numpy()[served]
        null = np.isnan(values)
        yield grid.series("feature_null_ratio", column, ratio(grid.sums(bins[null]), grid.sums(bins)))
        if sample is None or name not in sample or not sample[name].notna().any():
            continue
        edges = np.unique(np.quantile(sample[name].dropna(), np.linspace(0, 1, BUCKETS + 1)[1:-1]))
        expected = _shares(
            np.bincount(np.searchsorted(edges, sample[name].dropna()), minlength=len(edges) + 1)[None, :]
        )
        buckets = np.searchsorted(edges, values[~null])
        keys = bins[~null] * (len(edges) + 1) + buckets
        counts = np.bincount(keys, minlength=(grid.count + 1) * (len(edges) + 1)).reshape(grid.count + 1, -1)[
            : grid.count
        ]
        counts = _rolling(counts, width)
        enough = counts.sum(axis=1) >= MIN_DRIFT_ROWS
        actual = _shares(counts)
        psi = ((actual - expected) * np.log(actual / expected)).sum(axis=1)
        ks = np.abs(np.cumsum(actual - expected, axis=1)).max(axis=1)
        low, high = float(sample[name].min()), float(sample[name].max())
        known = values[~null]
        beyond = (known < low - RANGE_MARGIN * abs(low)) | (known > high + RANGE_MARGIN * abs(high))
        outside = bins[~null][beyond]
        yield grid.series("feature_out_of_range_ratio", column, ratio(grid.sums(outside), grid.sums(bins)))
        yield grid.series("feature_drift_psi", column, np.where(enough, psi, np.nan))
        yield grid.series("feature_drift_ks", column, np.where(enough, ks, np.nan))


def _drift_width(bins: Array, grid: Grid) -> int:
    """Intervals of a drift window: 15 s, at low load as many as usually hold enough rows, 60 s at most."""
    usual = float(np.median(grid.sums(bins))) if grid.count else 0.0
    needed = MIN_DRIFT_ROWS / usual if usual else 1.0
    return int(min(DRIFT_INTERVALS_MAX, max(DRIFT_INTERVALS, np.ceil(1.2 * needed))))


def _shares(counts: Array) -> Array:
    """Bucket shares, smoothed by half a row so that an empty bucket has a finite logarithm."""
    smoothed = counts + 0.5
    return np.asarray(smoothed / smoothed.sum(axis=1, keepdims=True))


def _predictions(observed: Observed, grid: Grid) -> Iterator[Series]:
    frame = observed.frame("predictions")
    component = str(frame["service.name"].iloc[0])
    bins = grid.bins(frame["time_s"].to_numpy())
    outcome, score = frame["outcome"].to_numpy(), frame["score"].to_numpy()
    closed = ~np.isnan(outcome)
    shown, clicked = grid.sums(bins[closed]), grid.sums(bins[closed], outcome[closed])
    yield grid.series("click_through_ratio", observed.system["entry"], ratio(clicked, shown))
    scored = ~np.isnan(score)
    yield grid.series(
        "prediction_mean", component, ratio(grid.sums(bins[scored], score[scored]), grid.sums(bins[scored]))
    )
    both = closed & scored
    clicks, expected = (_rolling(grid.sums(bins[both], of[both]), RESCORE_INTERVALS) for of in (outcome, score))
    yield grid.series("calibration_ratio", component, ratio(clicks, expected))
    yield grid.series("positive_ratio", component, ratio(clicked, shown))
    yield from _rescored(observed, grid, component, bins)


def score_with(model: Mapping[str, Any], inputs: Array) -> Array:
    """Scores of a registry entry on logged inputs (rows, inputs)."""
    scaled = (inputs - np.array(model["standardize_mean"])) / np.array(model["standardize_scale"])
    return np.asarray(1 / (1 + np.exp(-(scaled @ np.array(model["weights"]) + model["intercept"]))))


def _width(clicks: Array) -> int:
    """Intervals that on average have enough clicks, a quarter of the recording at most."""
    rate = pd.Series(clicks).loc[: np.flatnonzero(clicks).max(initial=0)].mean()
    return int(max(1, min(np.ceil(MIN_CLICKS / rate) if rate else 0, len(clicks) // 4)))


def _rescored(observed: Observed, grid: Grid, component: str, bins: Array) -> Iterator[Series]:
    registry = {model["version"]: model for model in observed.reference.get("registry.json", [])}
    frame = observed.frame("predictions")
    version = frame["model_version"].to_numpy()
    names = [f"input.{name}" for name in observed.reference.get("contract.json", {}).get("inputs", [])]
    if not registry or not names or not set(names) <= set(frame.columns):
        return
    usable = frame[names[0]].notna().to_numpy() & (version > 0)
    inputs, version, bins = frame.loc[usable, names].to_numpy(float), version[usable], bins[usable]
    logged, outcome = frame["score"].to_numpy()[usable], frame["outcome"].to_numpy()[usable]
    if not len(version):
        return
    again = np.full(len(version), np.nan)
    for number in np.unique(version).tolist():
        if number in registry:
            again[version == number] = score_with(registry[number], inputs[version == number])
    known = ~np.isnan(again)
    error = grid.sums(bins[known], np.abs(again - logged)[known])
    yield grid.series("rescore_error", component, ratio(error, grid.sums(bins[known])))
    incumbent = version[0]
    first = score_with(registry[incumbent], inputs) if incumbent in registry else again
    width = _width(grid.sums(bins[outcome > 0]))
    scores = (_rolling(grid.sums(bins, of), width) for of in (logged, first))
    yield grid.series("model_score_ratio", component, ratio(*scores))
    deficit = np.full(grid.count, np.nan)
    closed = ~np.isnan(outcome)
    first, again, outcome, version, bins = (of[closed] for of in (first, logged, outcome, version, bins))
    for end in range(grid.count):
        served = version[bins == end]
        if len(served) and (served == incumbent).all():
            deficit[end] = 0.0
        elif len(served):
            newest = served[served != incumbent].max()
            mine = version == newest
            until = next((b for b in range(end, grid.count) if outcome[mine & (bins <= b)].sum() >= MIN_RANKED), -1)
            mine &= bins <= until
            begin = next((b for b in range(until, -1, -1) if outcome[mine & (bins >= b)].sum() >= MIN_RANKED), 0)
            rows = mine & (bins >= min(begin, until + 1 - RESCORE_INTERVALS))
            deficit[end] = _auc(first[rows], outcome[rows]) - _auc(again[rows], outcome[rows])
    yield grid.series("model_auc_deficit", component, deficit)


def _auc(score: Array, outcome: Array) -> float:
    """Area under the ROC curve by the rank-sum identity, ties at mid-rank; NaN with too few clicks."""
    positive = outcome > 0
    n_positive, n_negative = int(positive.sum()), int((~positive).sum())
    if n_positive < MIN_RANKED or not n_negative:
        return float("nan")
    ranks = pd.Series(score).rank().to_numpy()
    return float((ranks[positive].sum() - n_positive * (n_positive + 1) / 2) / (n_positive * n_negative))


def signals(observed: Observed) -> list[Series]:
    """Every signal in the order in which the lab has them."""
    grid = Grid(observed)
    found = [*telemetry(observed, grid), *content(observed, grid)]
    return [one for one in found if not np.isnan(one.values).all()]


def assert_same(found: list[Series], expected: list[Series]) -> None:
    """The same signals of the same subjects, equal but for the order of sums."""
    found, expected = (sorted(some, key=lambda one: (one.signal, one.subject)) for some in (found, expected))
    assert [(one.signal, one.subject) for one in found] == [(one.signal, one.subject) for one in expected]
    for mine, other in zip(found, expected, strict=True):
        about = f"{mine.signal} of {mine.subject}"
        np.testing.assert_array_equal(mine.times_s, other.times_s, about)
        np.testing.assert_allclose(mine.values, other.values, 1e-12, 1e-12, err_msg=about)

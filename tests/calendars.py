"""A recording of a system of nightly jobs, made by hand: four weeks of runs, versions and columns, for its calendar.

Everything is as usual unless a test says what is not: whatever happens to a dataset here was not simulated.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from statistics import NormalDist
from typing import Any
from uuid import UUID

import numpy as np
import pytest

from lab.recording.observed import Observed, arrow_table
from lab.recording.schema import schema_of
from lab.registration.datasets import Dataset, DatasetColumn
from lab.registration.recorded import Column, Recorded, Table, sample_weight
from lab.registration.settings import Operation
from lab.registration.signals import Signals, SignalSpec
from lab.registration.slis import Sli
from lab.registration.world import World
from lab.signals import Series, compute_signals
from lab.signals.columns import Grid, Metrics
from lab.signals.periods import Calendar, calendar_of
from tests.distributions import world_installed

DAY_S, HOUR_S = 86_400.0, 3600.0
NIGHTS = 28
JOBS: Mapping[str, tuple[float, tuple[str, ...], float]] = {
    "extract": (1.0, (), 900),
    "features": (1.0, ("extract",), 2400),
    "score": (1.0, ("features",), 1800),
    "validate": (1.0, ("score",), 300),
    "publish": (1.0, ("validate",), 600),
    "train": (1.0, ("features",), 5400),
    "send": (8.0, (), 1200),
}
"""Jobs: when they start (hours), what they need, how long they take (s). `train` runs each week."""
DATASETS: Mapping[str, tuple[str, tuple[str, ...], int, Mapping[str, float]]] = {
    "raw_customers": ("extract", (), 12_000, {"age": 41.0, "country": 3.0, "since_d": 700.0}),
    "raw_orders": ("extract", (), 4100, {"customer_id": 6000.0, "amount_eur": 34.0, "items": 2.0}),
    "raw_visits": ("extract", (), 19_500, {"customer_id": 6000.0, "pages": 5.0}),
    "features": (
        "features",
        ("raw_customers", "raw_orders", "raw_visits"),
        11_800,
        {"orders_28d": 3.0, "spend_28d": 96.0, "visits_28d": 12.0, "recency_d": 9.0, "discount_ratio": 0.2},
    ),
    "scores": ("score", ("features",), 11_800, {"segment": 2.0, "confidence": 0.8}),
    "published": ("publish", ("scores",), 11_800, {"segment": 2.0}),
    "rates": ("extract", (), 6, {"rate": 1.0}),
}
QUANTILES = {"min": -3.5, "max": 3.5} | {f"q{of:02}": NormalDist().inv_cdf(of / 100) for of in range(5, 100, 5)}
"""Of a standard normal."""
SHARES = {"loyal": 0.22, "bargain": 0.31, "lapsing": 0.2, "new": 0.12, "premium": 0.15}


RETURN = "people_return_ratio"
PARTS = Table(
    "parts",
    (
        Column("time_s", "float", "when"),
        Column("trace_id", "string", "run", null=True),
        Column("part", "category", "name"),
        Column("share", "float", "of all people"),
        sample_weight("poor"),
    ),
)
WORLD = World(
    name="weeks",
    title="Parts of people, made anew each night",
    open="tests.calendars:NOTHING",
    operations={f"write_{name}": Operation("database") for name in DATASETS},
    datasets={
        name: Dataset(
            doc=name,
            columns={column: DatasetColumn("float", "1") for column in columns},
            of=f"write_{name}",
            inputs=inputs,
        )
        for name, (_, inputs, _, columns) in DATASETS.items()
    },
    recording=Recorded(tables=(PARTS,)),
    signals=(
        Signals(
            {
                "part_share": SignalSpec("ratio", "part", "share of people in a part", stacks=True),
                RETURN: SignalSpec("1", "component", "what people bring, over what they cost"),
                "model_number": SignalSpec("1", "component", "number of what is in use", names=True),
            },
            "tests.calendars:shares",
            only_of={"model_number": "write_scores"},
        ),
    ),
    slis=(
        Sli(
            name=RETURN,
            unit="1",
            bad="falls",
            doc="what people bring, over what they cost",
            of="lab.recording.slis:availability",
        ),
    ),
)
"""A world that only records; nothing can be simulated of it."""
NOTHING = None


def shares(observed: Observed, metrics: Metrics, grid: Grid) -> Iterator[Series]:
    """The shares that the recording tells."""
    frame = observed.frame("parts")
    for part in SHARES:
        mine = frame[frame["part"] == part]
        yield grid.series("part_share", part, grid.at_ends(mine["time_s"].to_numpy(), mine["share"].to_numpy()))
    yield grid.series("model_number", "sorter", np.where(grid.ends_s <= 7 * DAY_S, 2.0, 3.0))
    mine = frame[frame["part"] == "return"]
    yield grid.series(RETURN, "weeks", grid.at_ends(mine["time_s"].to_numpy(), mine["share"].to_numpy()))


@dataclass
class Weeks:
    """What is not as usual. Places of periods count from 0; keys are `job`, `dataset` or `dataset.column`.

    `moved`: what a column's values are multiplied with from a period on; `rows`, `shares`, `returns` likewise.
    `repeated`: in which periods a dataset's content is that of the period before. `runs`: `failed`, `retried`,
    `skipped` or a delay (s). `befell`: from when on a column is there (`new`), is not there (`gone`), is of another
    type (`type`) or null in every third row (`null`); all but the last are another schema.
    """

    moved: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    rows: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    shares: Mapping[str, tuple[int, float]] = field(default_factory=dict)
    returns: tuple[int, float] = (NIGHTS, 1.0)
    repeated: Mapping[str, Sequence[int]] = field(default_factory=dict)
    unwritten: Mapping[str, Sequence[int]] = field(default_factory=dict)
    stale: Mapping[str, Sequence[int]] = field(default_factory=dict)
    schemas: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    befell: Mapping[str, tuple[int, str]] = field(default_factory=dict)
    runs: Mapping[str, Mapping[int, str | float]] = field(default_factory=dict)
    changes: Sequence[tuple[float, str]] = ()
    alerts: Sequence[tuple[float, float | None, str]] = ()
    nights: int = NIGHTS
    calendar: Mapping[str, Any] | None = field(
        default_factory=lambda: {"begins": "2026-10-05", "zone": "Europe/Berlin", "period": "night"}
    )


def observed_of(weeks: Weeks) -> Observed:
    """The recording, of the world `weeks`, which has to be installed."""
    form = schema_of("weeks")
    rows = {
        "logs": [*_logs(weeks)],
        "dataset_versions": [*_versions(weeks)],
        "dataset_columns": [*_columns(weeks)],
        "parts": [*_parts(weeks)],
    }
    changes: list[Any] = [
        {"time_s": at_s, "service.name": "score", "kind": "deploy", "summary": text} for at_s, text in weeks.changes
    ]
    tables = {
        name: arrow_table(name, {column: [row[column] for row in of] for column in of[0]}, form)
        for name, of in rows.items()
    }
    return Observed(_system(weeks), tables, changes, [*_alerts(weeks)], {}, [*_lineage(weeks)])


def calendar_of_weeks(weeks: Weeks) -> Calendar:
    """Their calendar, all of it."""
    observed = observed_of(weeks)
    found = calendar_of(observed, compute_signals(observed))
    assert found is not None
    return found


def _parts(weeks: Weeks) -> Iterator[dict[str, Any]]:
    for night in range(weeks.nights):
        raw = {}
        for name, share in SHARES.items():
            since, factor = weeks.shares.get(name, (weeks.nights, 1.0))
            raw[name] = share * (factor if night >= since else 1.0) * _noise(f"{name}{night}")
        for name, value in raw.items():
            share = value / sum(raw.values())
            yield {"time_s": (night + 1) * DAY_S, "trace_id": None, "part": name, "share": share, "sample_weight": 1.0}
        since, factor = weeks.returns
        value = 3.0 * (factor if night >= since else 1.0) * _noise(f"return{night}")
        yield {"time_s": (night + 1) * DAY_S, "trace_id": None, "part": "return", "share": value, "sample_weight": 1.0}


def _noise(name: str) -> float:
    """Around 1, by 2 %; by name, so that whatever else happens does not change it."""
    return 1 + 0.04 * (int(blake2b(name.encode(), digest_size=2).hexdigest(), 16) / 65_536 - 0.5)


def _system(weeks: Weeks) -> dict[str, Any]:
    jobs = {
        name: {
            "kind": "job", "runtime": "", "telemetry": "spans", "workers": 1, "tables": [], "settings": {}, "steps": [],
            "period_s": 7 * DAY_S if name == "train" else DAY_S, "starts_s": starts_h * HOUR_S, "needs": list(needs),
        }
        for name, (starts_h, needs, _) in JOBS.items()
    }  # fmt: skip
    system: dict[str, Any] = {
        "schema_version": 1, "name": "weeks", "world": "weeks", "duration_s": weeks.nights * DAY_S,
        "scrape_interval_s": DAY_S, "observability": "rich", "users": None, "entry": None, "components": jobs,
        "links": {},
        "slos": [{"name": "return", "sli": RETURN, "above": None, "below": 2.0, "for_s": 0.0}],
    }  # fmt: skip
    return system | ({"calendar": weeks.calendar} if weeks.calendar else {})


def _logs(weeks: Weeks) -> Iterator[dict[str, Any]]:
    noise = np.random.default_rng(1)
    for night in range(weeks.nights):
        ended: dict[str, float] = {}
        for job, (starts_h, needs, usual_s) in JOBS.items():
            if job == "train" and night % 7:
                continue
            at_s = max([night * DAY_S + starts_h * HOUR_S, *(ended[one] for one in needs if one in ended)])
            lasts_s = usual_s * float(noise.lognormal(0, 0.1))
            how = weeks.runs.get(job, {}).get(night, "")
            if how == "skipped":
                yield _line((night + 1) * DAY_S, job, "WARN", "job_skipped", None, "run skipped: features did not end")
                continue
            if how in ("failed", "retried"):
                at_s += lasts_s
                yield _line(at_s, job, "ERROR", "job_run", lasts_s, "run failed: timeout", _trace(job, night))
                if how == "failed":
                    continue
            at_s += lasts_s + (how if isinstance(how, float) else 0.0)
            ended[job] = at_s
            yield _line(at_s, job, "INFO", "job_run", lasts_s, "run finished", _trace(job, night, how == "retried"))


def _line(time_s: float, job: str, level: str, event: str, lasts_s: float | None, text: str, trace: str = "") -> Any:
    return {
        "time_s": time_s, "service.name": job, "severity_text": level, "event.name": event, "trace_id": trace or None,
        "subject": None, "duration_s": np.nan if lasts_s is None else lasts_s, "body": text,
    }  # fmt: skip


def _trace(job: str, night: int, again: bool = False) -> str:
    return blake2b(f"{job}/{night}/{again}".encode(), digest_size=16).hexdigest()


def _writes(weeks: Weeks) -> Iterator[tuple[str, int, dict[str, Any]]]:
    """Each write: the dataset, the night, and what every row about it says."""
    for dataset, (job, _, _, _) in DATASETS.items():
        content = ""
        for night in range(weeks.nights):
            if night in weeks.unwritten.get(dataset, ()):
                continue
            if not content or not (dataset == "rates" or night in weeks.repeated.get(dataset, ())):
                content = blake2b(f"{dataset}/{night}".encode(), digest_size=6).hexdigest()
            yield dataset, night, {
                "time_s": night * DAY_S + (1.2 + 0.5 * [*JOBS].index(job)) * HOUR_S,
                "trace_id": _trace(job, night), "service.name": job, "dataset": dataset, "version": content,
            }  # fmt: skip


def _rows(weeks: Weeks, dataset: str, night: int) -> int:
    since, factor = weeks.rows.get(dataset, (weeks.nights, 1.0))
    noise = _noise(f"{dataset}{night}")
    usual = DATASETS[dataset][2] * (1 if dataset == "rates" else (1 + 0.002 * night) * noise)
    return round(usual * (factor if night >= since else 1.0))


def _versions(weeks: Weeks) -> Iterator[dict[str, Any]]:
    for dataset, night, about in _writes(weeks):
        rows = _rows(weeks, dataset, night)
        of_schema, other = weeks.schemas.get(dataset, (weeks.nights, ""))
        schema = other if night >= of_schema else "1"
        columns = [
            column
            for column, (begins, how) in weeks.befell.items()
            if column.startswith(f"{dataset}.") and how != "null" and night >= begins
        ]
        stale_s = DAY_S if night in weeks.stale.get(dataset, ()) else 0.0
        yield about | {
            "rows": rows, "bytes": 90 * rows, "schema_version": "+".join([schema, *columns]),
            "partition_s": night * DAY_S - stale_s,
        }  # fmt: skip


def _columns(weeks: Weeks) -> Iterator[dict[str, Any]]:
    """Profiles of columns whose values are lognormal."""
    for dataset, night, about in _writes(weeks):
        rows = _rows(weeks, dataset, night)
        for column, usual in DATASETS[dataset][3].items():
            since, factor = weeks.moved.get(f"{dataset}.{column}", (weeks.nights, 1.0))
            name = f"{dataset}{column}{0 if dataset == 'rates' else night}"
            noise = _noise(name)
            begins, how = weeks.befell.get(f"{dataset}.{column}", (weeks.nights, ""))
            if how and (night < begins if how == "new" else night >= begins and how == "gone"):
                continue
            is_other = how if night >= begins else ""
            median = usual * noise * (factor if night >= since else 1.0)
            levels = {q: median * float(np.exp(0.5 * z)) for q, z in QUANTILES.items()}
            yield about | {
                "column": column, "type": "text" if is_other == "type" else "float", "rows": rows,
                "null_ratio": 0.33 if is_other == "null" else 0.0, "distinct": rows // 2,
                "mean": 1.13 * median, **levels, "top_ratio": 0.02,
            }  # fmt: skip


def _lineage(weeks: Weeks) -> Iterator[dict[str, Any]]:
    last: dict[str, str] = {}
    for dataset, _, about in sorted(_writes(weeks), key=lambda write: (write[2]["time_s"], write[0])):
        last[dataset] = about["version"]
        inputs = [(name, last.get(name, "")) for name in DATASETS[dataset][1]]
        yield {
            "eventType": "COMPLETE", "eventTime": "2026-10-05T00:00:00.000000Z", "time_s": about["time_s"],
            "run": {"runId": str(UUID(hex=about["trace_id"]))},
            "job": {"namespace": "weeks", "name": about["service.name"]},
            "inputs": [_facets(name, version) for name, version in inputs],
            "outputs": [_facets(dataset, about["version"])], "producer": "urn:tests", "schemaURL": "urn:tests",
        }  # fmt: skip


def _facets(name: str, version: str) -> dict[str, Any]:
    facets = {"version": {"datasetVersion": version}} if version else {}
    return {"namespace": "weeks", "name": name, "facets": facets}


def _alerts(weeks: Weeks) -> Iterator[Any]:
    for at_s, until_s, slo in weeks.alerts:
        yield {"time_s": at_s, "slo": slo, "service.name": "publish", "state": "firing", "value": 2.0}
        if until_s is not None:
            yield {"time_s": until_s, "slo": slo, "service.name": "publish", "state": "resolved", "value": 1.0}


UNIT_CHANGED = Weeks(
    moved={
        "raw_orders.amount_eur": (12, 100.0),
        "features.spend_28d": (13, 30.0),
        "scores.segment": (14, 2.0),
        "published.segment": (14, 2.0),
    },
    shares={"premium": (14, 2.1), "bargain": (14, 0.5)},
    returns=(18, 0.7),
    runs={"features": {5: "retried", 20: 5000.0}, "publish": {9: "failed"}, "send": {17: "skipped"}},
    unwritten={"published": [9]},
    repeated={"raw_visits": [22]},
    stale={"raw_visits": [22]},
    schemas={"raw_customers": (18, "2")},
    changes=[(11.4 * DAY_S, "orders 4.2 is live"), (18.02 * DAY_S, "column loyalty_tier added to customers")],
    alerts=[(9.5 * DAY_S, 10.2 * DAY_S, "published-age")],
)
"""A source's unit changes in the twelfth night; other things happen that have nothing to do with it."""


@pytest.fixture(scope="module")
def weeks_world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """The world `weeks` is installed for a module of tests."""
    with world_installed(tmp_path_factory.mktemp("weeks"), "weeks", "tests.calendars:WORLD"):
        yield

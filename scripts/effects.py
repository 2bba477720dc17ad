"""What faults cost the shop, by dose: runs each fault at several doses, and writes docs/worlds/shop-effects.md.

python -m scripts.effects [WORD...]    (`make effects`; with words only the faults whose name or title has one, printed)

Each run is compared with the same run without the fault: the same shoppers come and draw the same, so that what
differs is the fault's.
"""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import lab
from lab.files.fileio import write_file
from lab.recording.observed import alerts_fired

PAGE = Path(__file__).resolve().parents[1] / "docs" / "worlds" / "shop-effects.md"
SEEDS = (1, 2, 3)
RATE, LENGTH_S, AT_S, FOR_S = 50, 300, 100, 180
LOADS = (5, 40, 100, 200)
"""Loads (requests/s) at which click-through is measured without a fault."""

INTRODUCTION = f"""From {len(SEEDS)} real runs each (development seeds {SEEDS[0]} to {SEEDS[-1]}) of the system
`recommender` at {RATE} requests/s: a fault begins after {AT_S} s and lasts {FOR_S} s unless said otherwise. Each run is
compared, while the fault lasts, with the same run without it. *Click-through* is clicks by items shown; *clicks* are
all of them, also those that are lost with requests that fail. In brackets: the lowest and highest of the seeds. *First
alert*: the SLO whose alert fired first, and in how many of the runs. Why it is so:
[0067](../decisions/0067-the-business-feels-it.md)."""


@dataclass(frozen=True)
class Dose:
    """One strength of a fault: what the page calls it, its parameters, how long it lasts (s)."""

    title: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    for_s: int = FOR_S


@dataclass(frozen=True)
class Series:
    """A fault on a target at several doses; `title`: what it does to the shop."""

    title: str
    fault: str
    target: str
    doses: Sequence[Dose]


def parts(name: str, *values: str | int, **fixed: Any) -> list[Dose]:
    """Doses that differ in one parameter."""
    return [Dose(f"`{name}: {value}`", {**fixed, name: value}) for value in values]


FAULTS: tuple[Series, ...] = (
    Series("A bad model", "model-regression", "model", parts("corrupted", "30%", "40%", "50%", "55%", "60%")),
    Series("Stale features out of the cache", "stale-cache", "cache", parts("fraction", "25%", "50%", "100%")),
    Series("Features of others", "cache-key-collision", "cache", parts("fraction", "25%", "50%", "100%")),
    Series(
        "Stale features everywhere", "feed-stall", "feed",
        [Dose(f"for {length} s", for_s=length) for length in (45, 90, 180)],
    ),
    Series(
        "Default features", "network-partition", "features->db", parts("fraction", "30%", "60%", "100%")
    ),
    Series("The popular list", "network-partition", "features->model", parts("fraction", "30%", "60%", "100%")),
    Series(
        "No model at all", "model-unload", "model", [Dose(f"for {length} s", for_s=length) for length in (45, 90, 180)]
    ),
    Series(
        "Impatience with the model", "short-timeout", "features->model", parts("timeout", "8ms", "6ms", "4ms")
    ),
    Series("No rules", "network-partition", "features->rules", parts("fraction", "30%", "60%", "100%")),
    Series(
        "A price in another unit", "schema-corruption", "db",
        parts("factor", 2, 10, 100, column="avg_order_value_eur", change="rescale"),
    ),
    Series(
        "An interest in percent", "schema-corruption", "db",
        parts("fraction", "30%", "60%", "100%", column="interest_fashion_ratio", change="rescale", factor=100),
    ),
    Series(
        "Discounts in percent", "schema-corruption", "db",
        parts("fraction", "30%", "60%", "100%", column="discount_share_ratio", change="rescale", factor=100),
    ),
    Series(
        "A column that cannot be read", "schema-corruption", "db",
        parts("fraction", "10%", "30%", column="avg_order_value_eur", change="retype", to="text"),
    ),
    Series("A slow model", "cpu-throttle", "model", parts("cpu", "20%", "10%", "5%")),
    Series("A slow way to the model", "network-latency", "features->model", parts("latency", "60ms", "150ms", "300ms")),
)  # fmt: skip


@dataclass(frozen=True)
class Clicks:
    """What was shown and clicked from a time on; `alerts`: SLOs that fired, in order."""

    shown: float
    clicked: float
    alerts: tuple[str, ...]

    @property
    def through(self) -> float:
        return self.clicked / self.shown if self.shown else float("nan")


def scenario(name: str, rate: float = RATE, **fault: Any) -> dict[str, Any]:
    """A scenario with one fault or none."""
    return {
        "schema_version": 1, "name": name, "system": "recommender", "duration": f"{LENGTH_S}s",
        "load": {"stages": [{"for": f"{LENGTH_S}s", "rate": f"{rate}/s"}]},
        "faults": [{"id": "f1", "at": f"{AT_S}s", **fault}] if fault else [],
    }  # fmt: skip


def measured(content: dict[str, Any], seed: int, runs: Path, until_s: float) -> Clicks:
    """What came of a run between the time of its fault, or where it would begin, and another."""
    run = lab.run(content, seed=seed, runs_dir=runs, engines=())
    metrics = run.frame("metrics")
    metrics = metrics[metrics["time_s"].between(AT_S, until_s, inclusive="right")]
    sums = metrics.groupby("metric", observed=True)["value"].sum()
    alerts = alerts_fired(run.path / "observed")
    return Clicks(float(sums["recommendation.impression.count"]), float(sums["recommendation.click.count"]), alerts)


def mean(values: Sequence[float]) -> float:
    return sum(values) / len(values)


def spread(values: Sequence[float]) -> str:
    """Mean, lowest and highest share, in percent."""
    low, high = min(values), max(values)
    return f"{100 * mean(values):+.0f} % ({100 * low:+.0f} to {100 * high:+.0f})"


def row(series: Series, dose: Dose, runs: Path) -> str:
    """A line of the table of a fault."""
    until_s = AT_S + dose.for_s
    use = {"type": series.fault, "target": series.target, "for": f"{dose.for_s}s", "with": dict(dose.parameters)}
    withs = [measured(scenario("effect", **use), seed, runs, until_s) for seed in SEEDS]
    without = [measured(scenario("effect-none"), seed, runs, until_s) for seed in SEEDS]
    through = [one.through / other.through - 1 for one, other in zip(withs, without, strict=True)]
    clicks = [one.clicked / other.clicked - 1 for one, other in zip(withs, without, strict=True)]
    first = [one.alerts[0] if one.alerts else "none" for one in withs]
    told = ", ".join(f"{slo} ({first.count(slo)})" for slo in dict.fromkeys(first))
    level = f"{mean([one.through for one in without]):.4f} → {mean([one.through for one in withs]):.4f}"
    return f"| {dose.title} | {level} | {spread(through)} | {spread(clicks)} | {told} |"


def loads(runs: Path) -> Iterator[str]:
    """Click-through without a fault, by load."""
    yield "| requests/s | click-through | of the seeds |"
    yield "|---|---|---|"
    for rate in LOADS:
        found = [measured(scenario(f"effect-at-{rate}", rate), seed, runs, LENGTH_S).through for seed in SEEDS]
        yield f"| {rate} | {mean(found):.4f} | {min(found):.4f} to {max(found):.4f} |"


def page(chosen: Sequence[Series]) -> Iterator[str]:
    """The page, by lines, as it is measured."""
    yield "<!-- Written by `make effects`: measured, not by hand. -->"
    yield "# What faults cost the shop"
    yield ""
    yield INTRODUCTION
    with tempfile.TemporaryDirectory(prefix="lab-effects-") as scratch:
        runs = Path(scratch)
        yield from ("", "## Without a fault, by load", "", *loads(runs))
        for series in chosen:
            yield from ("", f"## {series.title}: `{series.fault}` of `{series.target}`", "")
            yield "| dose | click-through | change of it | clicks | first alert |"
            yield "|---|---|---|---|---|"
            for dose in series.doses:
                yield row(series, dose, runs)


def print_page(lines: Iterable[str], path: Path | None) -> None:
    """Prints a page's lines as they are measured, and writes them to a file when all are there; None: to none."""
    told = []
    for line in lines:
        print(line, flush=True)
        told.append(line)
    if path is not None:
        write_file(path, "\n".join(told) + "\n")


def main(words: Sequence[str]) -> None:
    """Prints the page as it is measured; writes it where all of it was."""
    chosen = [s for s in FAULTS if not words or any(word in f"{s.title} {s.fault} {s.target}" for word in words)]
    print_page(page(chosen), None if words else PAGE)


if __name__ == "__main__":
    main(sys.argv[1:])

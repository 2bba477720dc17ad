"""Whether two versions of the simulator agree: the same scenarios, other draws, and means that lie together.

    python -m scripts.agreement measure OUT.jsonl [--seeds 6] [SCENARIO...]     in each version's checkout
    python -m scripts.agreement compare A.jsonl B.jsonl [--level 0.01]

`measure` runs each scenario without a twin and keeps, for the time before its first change and for the time of its
faults, the mean of each signal and, of each link, quantiles of the calls' durations and shares of their statuses. What
is in OUT already is not run again. `compare` forms Welch's interval (Welch 1947) of each difference of means over the
seeds, at the level divided by the number of comparisons (Bonferroni), and lists what does not contain 0, and where the
difference is largest beside what the seeds leave open. Ends with 1 where something is listed.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from lab.files.finding import shipped_names
from lab.runs.following import follow
from lab.scenario import LoadedScenario, load_scenario
from lab.scenario.timeline import moments
from lab.signals import compute_signals
from lab.testbeds.sim.session import SimSession

SEEDS = 6
LEVEL = 0.01
SETTLED_S = 30.0
"""What a run needs from its start, and a fault from its begin, until its means are means of one state."""
QUANTILES = (0.5, 0.95)
Array = npt.NDArray[Any]
Values = dict[str, float]
Runs = dict[str, list[float]]


def windows(loaded: LoadedScenario) -> dict[str, tuple[float, float]]:
    """The time before the first change and the time of the faults; of a control without decoys all of it."""
    changes = [moment.at_s for moment in moments(loaded.scenario)]
    found = {"before": (SETTLED_S, min(changes, default=loaded.scenario.duration_s))}
    for use in loaded.scenario.faults:
        found[f"during {use.id}"] = (use.at_s + SETTLED_S, use.at_s + use.for_s)
    return found


def measure(loaded: LoadedScenario, seed: int) -> Values:
    """What one run shows, by window, thing and statistic."""
    loaded = loaded.seen_by("rich")
    with SimSession(loaded, seed) as session:
        follow(session, loaded)
        observed = session.finish().observed
    found: Values = {}
    table = compute_signals(observed)
    spans = observed.frame("spans")
    calls = spans[spans["span.kind"] == "client"]
    for window, (from_s, until_s) in windows(loaded).items():
        for series in table:
            inside = (series.times_s >= from_s) & (series.times_s < until_s) & np.isfinite(series.values)
            if inside.any():
                found[f"{window}: {series.signal} of {series.subject}"] = float(series.values[inside].mean())
        now = calls[calls["time_s"].between(from_s, until_s)]
        for (caller, callee), of in now.groupby(["service.name", "peer.service"], observed=True):
            link = f"{window}: {caller}->{callee}"
            for q in QUANTILES:
                found[f"{link} p{q * 100:g}"] = float(of["duration_s"].quantile(q))
            found[f"{link} calls/s"] = len(of) / (until_s - from_s)
            for status, share in of["status"].value_counts(normalize=True).items():
                found[f"{link} {status}"] = float(share)
    return found


def collect(out: Path, names: list[str], seeds: int) -> None:
    """Runs what is not in the file yet, and adds a line for each run."""
    lines = out.read_text(encoding="utf-8").splitlines() if out.exists() else []
    known = {(line["scenario"], line["seed"]) for line in map(json.loads, lines)}
    with out.open("a", encoding="utf-8") as file:
        for name in names:
            loaded = load_scenario(name)
            for seed in range(1, seeds + 1):
                if (name, seed) not in known:
                    values = measure(loaded, seed)
                    file.write(json.dumps({"scenario": name, "seed": seed, "values": values}) + "\n")
                    file.flush()
                    print(f"{name} seed {seed}: {len(values)} values", file=sys.stderr)


def read(path: Path) -> Runs:
    """Values of all seeds by scenario and name; a status that a run never had counts as 0."""
    runs = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    seeds: dict[str, int] = defaultdict(int)
    found: dict[str, list[float]] = defaultdict(list)
    for run in runs:
        seeds[run["scenario"]] += 1
        for name, value in run["values"].items():
            found[f"{run['scenario']} {name}"].append(value)
    return {
        name: values + [0.0] * (seeds[name.partition(" ")[0]] - len(values) if "->" in name else 0)
        for name, values in found.items()
    }


def interval(a: Array, b: Array, level: float) -> tuple[float, float]:
    """The difference of two means and half the length of Welch's interval of it."""
    from scipy.stats import t

    of_a, of_b = a.var(ddof=1) / len(a), b.var(ddof=1) / len(b)
    error = float(np.sqrt(of_a + of_b))
    if error == 0:
        return float(b.mean() - a.mean()), 0.0
    free = (of_a + of_b) ** 2 / (of_a**2 / (len(a) - 1) + of_b**2 / (len(b) - 1))
    return float(b.mean() - a.mean()), float(t.ppf(1 - level / 2, free) * error)


def compared(before: Runs, after: Runs, level: float) -> Iterator[tuple[float, str]]:
    """How many half intervals each difference is wide, and a line about it."""
    both = [name for name in before if len(before[name]) > 2 and len(after.get(name, ())) > 2]
    each = level / max(len(both), 1)
    for name in both:
        a, b = np.array(before[name]), np.array(after[name])
        difference, half = interval(a, b, each)
        tiny = 1e-9 * max(abs(a.mean()), abs(b.mean()), 1e-9)
        wide = 0.0 if abs(difference) <= tiny else abs(difference) / half if half else float("inf")
        yield wide, f"{name}: {a.mean():.6g} before, {b.mean():.6g} after, {difference:+.3g} ± {half:.3g}"


def main() -> int:
    """Measures or compares."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    measuring = commands.add_parser("measure")
    measuring.add_argument("out", type=Path)
    measuring.add_argument("names", nargs="*")
    measuring.add_argument("--seeds", type=int, default=SEEDS)
    comparing = commands.add_parser("compare")
    comparing.add_argument("before", type=Path)
    comparing.add_argument("after", type=Path)
    comparing.add_argument("--level", type=float, default=LEVEL)
    comparing.add_argument("--show", type=int, default=15, help="of what agrees, so many with the largest differences")
    given = parser.parse_args()
    if given.command == "measure":
        collect(given.out, given.names or list(shipped_names(".scenario.yaml")), given.seeds)
        return 0
    before, after = read(given.before), read(given.after)
    found = sorted(compared(before, after, given.level), reverse=True)
    apart = [line for wide, line in found if wide > 1]
    for name in sorted(before.keys() ^ after.keys()):
        side, runs = ("before", before) if name in before else ("after", after)
        print(f"only {side}: {name} ({len(runs[name])} runs)")
    print("\n".join(apart))
    print(f"{len(found)} comparisons, {len(apart)} apart at {given.level:g} over all of them; the next:")
    print("\n".join(f"{wide:.2f} {line}" for wide, line in found[len(apart) : len(apart) + given.show]))
    return int(bool(apart))


if __name__ == "__main__":
    sys.exit(main())

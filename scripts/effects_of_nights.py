"""What faults do to nightly segments: runs the suite's faults, and writes docs/worlds/batch-effects.md.

python -m scripts.effects_of_nights [WORD...]    (`make effects`; with words only scenarios whose name has one, printed)

Each run is compared with the same run without the fault: the same customers live and draw the same, so that what
differs is the fault's.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from lab.injection.faults import fault_type
from lab.investigation.acting import played
from lab.judging.witness import first_shown_s, judge_witnesses
from lab.recording.observed import Observed
from lab.runs.suite import load_suite
from lab.scenario import LoadedScenario
from lab.scenario.plan import plan
from lab.signals import SignalTable, compute_signals
from lab.testbeds.installed import choose
from scripts.effects import print_page

PAGE = Path(__file__).resolve().parents[1] / "docs" / "worlds" / "batch-effects.md"
SUITE, SEEDS = "segmentation", range(1, 9)
NIGHT_S = 86_400.0
RETURN = ("campaign_return_ratio", "segmentation")
LAST = 7

INTRODUCTION = f"""From {len(SEEDS)} runs each (development seeds {SEEDS[0]} to {SEEDS[-1]}) of the scenarios of the
suite `{SUITE}` that have a fault, each beside the same run without it. *Shown after*: nights from the fault to the
first effect on a signal by which it may show, in the middle and at most, and in how many of the runs it did. *Return*:
what campaigns brought in over what they cost, of the last {LAST} nights, without and with the fault. *Margin*: euros
that campaigns brought in beyond their cost, from the fault to the end, against those without it; in brackets the lowest
and highest of the seeds. *First alert*: the SLO, in how many of the runs, and after how many nights in the middle. Most
faults raise none: that is why they go on for weeks."""


@dataclass(frozen=True)
class Effect:
    """What came of a run. shown, alerted: nights since the fault, None where it was not; the SLO that fired first."""

    shown: float | None
    returns: tuple[float, float]
    margin_eur: float
    slo: str
    alerted: float | None


def margin_eur(observed: Observed, since_s: float) -> float:
    """Revenue of responses without the cost of contacts, from a time on."""
    metrics = observed.frame("metrics")
    sums = metrics[metrics["time_s"] > since_s].groupby("metric", observed=True)["value"].sum()
    return float(sums["response.revenue"] - sums["contact.cost"])


def last_return(signals: SignalTable) -> float:
    """The campaigns' return at the end."""
    series = signals.get(*RETURN)
    assert series is not None
    return float(np.nanmean(series.values[-LAST:]))


def measured(loaded: LoadedScenario, seed: int) -> Effect:
    """A run and its twin, compared."""
    (fault,) = loaded.scenario.faults
    run = played(loaded, seed, (), choose())
    assert run.twin is not None
    without = run.twin({fault.id})
    signals, usual = compute_signals(run.observed), compute_signals(without)
    (witnesses,) = plan(loaded).witnesses.values()
    shown_s = first_shown_s(judge_witnesses(witnesses, signals, usual, fault.at_s, fault.at_s + fault.for_s))
    first = next(iter(run.observed.alerts), None)
    return Effect(
        None if shown_s is None else (shown_s - fault.at_s) / NIGHT_S,
        (last_return(usual), last_return(signals)),
        margin_eur(run.observed, fault.at_s) - margin_eur(without, fault.at_s),
        first["slo"] if first else "none",
        (first["time_s"] - fault.at_s) / NIGHT_S if first else None,
    )


def row(loaded: LoadedScenario) -> str:
    """A line of the table."""
    (fault,) = loaded.scenario.faults
    kind = fault_type(fault.type)
    found = [measured(loaded, seed) for seed in SEEDS]
    shown = [one.shown for one in found if one.shown is not None]
    after = f"{np.median(shown):.0f}, {max(shown):.0f} ({len(shown)} of {len(found)})" if shown else "never"
    before, now = (np.mean([one.returns[i] for one in found]) for i in (0, 1))
    margins = [one.margin_eur for one in found]
    slos = [one.slo for one in found]
    told = ", ".join(f"{slo} ({slos.count(slo)}{_nights(found, slo)})" for slo in dict.fromkeys(slos))
    margin = f"{np.mean(margins):+,.0f} ({min(margins):+,.0f} to {max(margins):+,.0f})"
    name = f"`{loaded.scenario.name}`: {kind.name} of `{fault.target}`"
    return f"| {name} | {after} | {before:.2f} → {now:.2f} | {margin} | {told} |"


def _nights(found: Sequence[Effect], slo: str) -> str:
    after = [one.alerted for one in found if one.slo == slo and one.alerted is not None]
    return f"; {np.median(after):.0f}" if after else ""


def page(chosen: Sequence[LoadedScenario]) -> Iterator[str]:
    """The page, by lines, as it is measured."""
    yield from (
        "<!-- Written by `make effects`: measured, not by hand. -->",
        "# What faults do to nightly segments",
        "",
    )
    yield from (INTRODUCTION, "")
    yield "| scenario, fault | shown after | return | margin, EUR | first alert |"
    yield "|---|---|---|---|---|"
    for loaded in chosen:
        yield row(loaded)


def main(words: Sequence[str]) -> None:
    """Prints the page as it is measured; writes it where all of it was."""
    known = [loaded for loaded in load_suite(SUITE).scenarios if loaded.scenario.faults]
    chosen = [one for one in known if not words or any(word in one.scenario.name for word in words)]
    print_page(page(chosen), None if words else PAGE)


if __name__ == "__main__":
    main(sys.argv[1:])

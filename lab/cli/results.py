"""The figures of a campaign, its results as JSON, and the command that replays a case."""

from __future__ import annotations

import shlex
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

from lab.cli.console import print_table, table
from lab.contracts import Outcome
from lab.judging.statistics import RateSummary
from lab.runs.campaign import Campaign, Metrics, ThresholdResult, engines_of, tally
from lab.runs.cases import case_json

if TYPE_CHECKING:
    from rich.console import Console

    from lab.scenario import LoadedScenario

_THRESHOLD_MARKS = {True: ("✓ met", "green"), False: ("✗ MISSED", "bold red"), None: ("? unknown", "yellow")}


def print_numbers(console: Console, campaign: Campaign, *, passed: bool = True) -> None:
    """Metrics by engine with their intervals, then the verdicts by scenario; `passed`: also where all passed."""
    cases, measured = campaign.cases, campaign.metrics
    if not cases:
        return
    engines = engines_of(cases)
    _print_metrics(console, measured, engines)
    slices = table("scenario", *engines)
    for scenario, by_engine in tally(cases).items():
        if passed or any(counts.get(o) for counts in by_engine.values() for o in (Outcome.FAIL, Outcome.INCONCLUSIVE)):
            slices.add_row(scenario, *(_tally_text(by_engine.get(engine, {})) for engine in engines))
    if slices.row_count:
        print_table(console, "Scenarios: cases passed, failed (✗), inconclusive (?)", slices)


def _print_metrics(console: Console, measured: Metrics, engines: Sequence[str]) -> None:
    shown = table("metric", *engines)
    for metric in next(iter(measured.values())):
        summaries = [measured[engine][metric] for engine in engines]
        if any(s.n or s.inconclusive for s in summaries):
            shown.add_row(metric, *(_summary_text(s) for s in summaries))
    print_table(console, "Metrics: value [95 % interval] n", shown)


def _summary_text(summary: RateSummary) -> str:
    left_out = f", {summary.inconclusive} ?" if summary.inconclusive else ""
    if summary.value is None or summary.low is None or summary.high is None:
        return f"–  n=0{left_out}"
    return f"{summary.value:.3f} [{summary.low:.2f}, {summary.high:.2f}] n={summary.n}{left_out}"


def _tally_text(counts: dict[Outcome, int]) -> str:
    total = sum(counts.values())
    failed, unknown = counts.get(Outcome.FAIL, 0), counts.get(Outcome.INCONCLUSIVE, 0)
    more = (f"  ✗ {failed}" if failed else "") + (f"  ? {unknown}" if unknown else "")
    return f"{counts.get(Outcome.PASS, 0)} of {total}{more}" if total else "–"


def print_thresholds(console: Console, results: Sequence[ThresholdResult]) -> None:
    """Each threshold with what was measured."""
    from rich.text import Text

    if not results:
        return
    shown = table("threshold", "engine", "measured", "")
    for result in results:
        mark, style = _THRESHOLD_MARKS[result.holds]
        measured = "engine was not asked" if result.measured is None else _summary_text(result.measured)
        shown.add_row(str(result.threshold), result.engine, measured, Text(mark, style))
    print_table(console, "Thresholds", shown)


def replay_command(campaign: Campaign, names: dict[str, str], where: Sequence[str]) -> str:
    """The command that runs one case again: the first that failed or was not graded; empty where all passed.

    `where`: the options that say on which testbed it ran.
    """
    cases, results = campaign.cases, campaign.results
    failing = [(c.scenario, c.seed, c.engine) for c in cases if c.outcome is not Outcome.PASS]
    ungraded = [(r.scenario, r.seed, "") for r in results if r.problem]
    chosen = (failing + ungraded)[:1]
    if not chosen:
        return ""
    scenario, seed, engine = chosen[0]
    words = ["lab", "run", names[scenario], "--seed", str(seed)]
    words += ["--engine", engine] if engine else []
    words += where
    return shlex.join(words)


def scenario_names(scenarios: Iterable[LoadedScenario]) -> dict[str, str]:
    """How to name each scenario on the command line."""
    from lab.cli.selection import name_of

    return {loaded.name: name_of(loaded) for loaded in scenarios}


def summary_json(summary: RateSummary | None) -> dict[str, Any] | None:
    """A metric with its interval; nulls where nothing could be judged."""
    if summary is None:
        return None
    return {field: getattr(summary, field) for field in ("value", "low", "high", "n", "scenarios", "inconclusive")}


def campaign_json(campaign: Campaign) -> dict[str, Any]:
    """The machine-readable result of a campaign, without what only one command knows."""
    cases, results = campaign.cases, campaign.results
    return {
        "observability": sorted({case.observability for case in cases}),
        "cases": [case_json(case) for case in cases],
        "not_graded": [
            {
                "scenario": r.scenario,
                "seed": r.seed,
                "outcome": "inconclusive" if r.is_inconclusive else "error",
                "reason": r.problem,
                "path": r.path,
            }
            for r in results
            if r.problem
        ],
        "metrics": {e: {m: summary_json(s) for m, s in by_metric.items()} for e, by_metric in campaign.metrics.items()},
        "scenarios": {
            scenario: {engine: {str(o): n for o, n in counts.items()} for engine, counts in by_engine.items()}
            for scenario, by_engine in tally(cases).items()
        },
        "thresholds": [
            {"threshold": str(t.threshold), "engine": t.engine, "measured": summary_json(t.measured), "holds": t.holds}
            for t in campaign.thresholds
        ],
        "exit_code": int(campaign.exit_code),
    }

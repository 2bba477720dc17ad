"""Figures of an evaluation as Markdown, from its JSON document alone: for `-o results.md`, the README and docs."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

Document = Mapping[str, Any]

ROWS: Mapping[str, str] = {
    "culprit_top1": "culprit, first answer",
    "kind": "kind",
    "onset": "onset in time",
    "evidence": "evidence",
    "false_alarm_ratio": "false alarms on controls",
    "degraded_missed_ratio": "saturated controls called healthy",
    "decoy_blamed_ratio": "decoy blamed",
    "unanswered_ratio": "no answer",
    "inconclusive_ratio": "inconclusive cases",
}
"""Metrics that are published, and what they are called there."""
KEPT = ("schema_version", "lab_version", "suite", "seeds", "runs", "observability", "metrics", "scenarios",
        "comparisons", "confusions")  # fmt: skip
"""What of an evaluation's document is published: everything but the single cases."""


def published(document: Document) -> dict[str, Any]:
    """The document without its cases."""
    return {key: document[key] for key in KEPT}


def markdown(document: Document) -> str:
    """Every table: metrics by engine, the engine against the floors, and what it got wrong."""
    return "\n\n".join([metrics_table(document), comparisons_table(document), confusions_table(document)])


def metrics_table(document: Document) -> str:
    """Each metric of each engine with its 95 % interval."""
    engines, metrics = list(document["metrics"]), document["metrics"]
    rows = [
        [label, *(_value(metrics[engine].get(metric)) for engine in engines)]
        for metric, label in ROWS.items()
        if any(_value(metrics[engine].get(metric)) for engine in engines)
    ]
    return "\n".join(_table([_heading(document), *(f"`{engine}`" for engine in engines)], rows))


def comparisons_table(document: Document) -> str:
    """Engine against floor on the same cases: how many each alone got right, and the exact paired test."""
    rows = [
        [f"`{c['engine']}`", f"`{c['floor']}`", str(c["better"]), str(c["worse"]), str(c["n"]),
         f"{c['clustered_p_value']:.2g}"]
        for c in document["comparisons"]
    ]  # fmt: skip
    return "\n".join(_table(["engine", "floor", "only the engine", "only the floor", "cases", "p by scenario"], rows))


def confusions_table(document: Document) -> str:
    """The wrong answers of each engine that is not a floor."""
    engines = dict.fromkeys(c["engine"] for c in document["comparisons"])
    rows = [
        [f"`{engine}`", found["true"], found["answer"], str(found["cases"])]
        for engine in engines or document["confusions"]
        for found in document["confusions"][engine]
    ]
    return "\n".join(_table(["engine", "true", "answer", "cases"], rows)) if rows else "No case was wrong."


def _heading(document: Document) -> str:
    from lab.cli.evaluate import seeds_text

    runs, seeds = document["runs"], document["seeds"]
    every = seeds_text([*seeds["faults"], *seeds["controls"]])
    level = ", ".join(f"`{name}`" for name in document["observability"])
    return (
        f"{runs['faults']} fault cases, {runs['controls']} controls, {'seed' if every.isdigit() else 'seeds'} {every}, "
        f"observability {level}"
    )


def _value(summary: Mapping[str, Any] | None) -> str:
    if summary is None or summary["value"] is None:
        return ""
    return f"{summary['value']:.2f} [{summary['low']:.2f}, {summary['high']:.2f}]"


def _table(header: Sequence[str], rows: Sequence[Sequence[str]]) -> Iterator[str]:
    yield "| " + " | ".join(header) + " |"
    yield "|" + "---|" * len(header)
    for row in rows:
        yield "| " + " | ".join(cell.replace("|", "\\|") for cell in row) + " |"

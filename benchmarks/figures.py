"""Measures, and writes docs/performance.md between its markers: what is published is what was measured.

    python benchmarks/figures.py                 everything: a quarter of an hour
    python benchmarks/figures.py chain help ...  these only; the others stay as they were measured before

Each benchmark has a process of its own. Figures are kept in docs/figures/performance.json with their rounds, their
date, and the version measured.
"""

from __future__ import annotations

import datetime
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable
from importlib import import_module
from pathlib import Path
from typing import Any

from measuring import Figure

ROOT = Path(__file__).resolve().parents[1]
KEPT, PAGE = ROOT / "docs" / "figures" / "performance.json", ROOT / "docs" / "performance.md"
BEGIN, END = "<!-- figures: begin (make figures) -->", "<!-- figures: end -->"


def _rate() -> list[Figure]:
    import long_run
    import rate

    with tempfile.TemporaryDirectory() as directory:
        figures, told = long_run.days(str(rate.write(Path(directory))))
    return [Figure("10,000/s for ten minutes / naive", figures[0].rounds, detail=f"{figures[0].detail}; {told}"),
            Figure("memory of that, GB", figures[1].rounds, digits=2)]  # fmt: skip


def _days() -> list[Figure]:
    import long_run

    return long_run.days()[0]


def _of(module: str, function: str = "measure") -> Callable[[], list[Figure]]:
    """A benchmark's function by its module, which is imported by the process that measures it, and by no other."""

    def measure() -> list[Figure]:
        found: list[Figure] = getattr(import_module(module), function)()
        return found

    return measure


MEASURES: dict[str, Callable[[], list[Figure]]] = {
    "chain": _of("engine_vs_naive"),
    "topologies": _of("topologies"),
    "ten-minutes": _of("end_to_end"),
    "weeks": _of("weeks_vs_minutes"),
    "suite": _of("suite_vs_naive"),
    "days": _days,
    "flat": _of("long_run", "flat"),
    "span-bytes": _of("span_bytes"),
    "help": _of("help"),
    "rate": _rate,
    "training": _of("training"),
}


def measured_apart(name: str) -> dict[str, Any]:
    """Figures of one benchmark, measured in a process of its own: what others leave in memory slows some of them."""
    with tempfile.NamedTemporaryFile("r", encoding="utf-8", suffix=".json") as kept:
        subprocess.run([sys.executable, __file__, "--alone", name, kept.name], check=True)
        found: dict[str, Any] = json.load(kept)
    return found


def measured(name: str) -> dict[str, Any]:
    """Figures of one benchmark, as they are kept."""
    found = MEASURES[name]()
    for figure in found:
        print(figure, flush=True)
    version = subprocess.run(
        ["git", "rev-parse", "--short", "HEAD"], cwd=ROOT, check=False, capture_output=True, text=True
    ).stdout.strip()
    return {
        "date": datetime.datetime.now(datetime.UTC).date().isoformat(),
        "version": version,
        "machine": f"{os.cpu_count()} CPUs, Python {platform.python_version()}",
        "figures": [
            {"name": f.name, "rounds": [round(r, 5) for r in f.rounds], "goal": f.goal, "digits": f.digits,
             "detail": f.detail} for f in found
        ],
    }  # fmt: skip


def table(kept: dict[str, Any]) -> str:
    """The page's table: a row for each figure."""
    lines = ["| measure | median | of rounds | goal | met |", "|---|---|---|---|---|"]
    notes = []
    for name in MEASURES:
        for one in kept.get(name, {}).get("figures", []):
            figure = Figure(one["name"], tuple(one["rounds"]), one["goal"], digits=one["digits"])
            low, high = min(figure.rounds), max(figure.rounds)
            d = figure.digits
            rounds = f"{len(figure.rounds)}: {low:.{d}f}–{high:.{d}f}" if len(figure.rounds) > 1 else "1"
            goal = "" if figure.goal is None else f"≤ {figure.goal:.{d}f}".rstrip("0").rstrip(".")
            met = "" if figure.goal is None else "yes" if figure.is_met else "**no**"
            lines.append(f"| {figure.name} | {figure.value:.{d}f} | {rounds} | {goal} | {met} |")
            if one["detail"]:
                notes.append(f"* **{figure.name}**: {one['detail']}.")
    measured_at = sorted({f"{one['date']} ({one['version']}; {one['machine']})" for one in kept.values()})
    return "\n".join([*lines, "", *notes, "", f"Measured {', '.join(measured_at)}."])


def main(names: list[str]) -> int:
    if names[:1] == ["--alone"]:
        Path(names[2]).write_text(json.dumps(measured(names[1])), encoding="utf-8")
        return 0
    unknown = [name for name in names if name not in MEASURES]
    if unknown:
        raise SystemExit(f"unknown: {', '.join(unknown)}; expected of {', '.join(MEASURES)}")
    kept = json.loads(KEPT.read_text(encoding="utf-8")) if KEPT.is_file() else {}
    for name in names or MEASURES:
        kept[name] = measured_apart(name)
        KEPT.write_text(json.dumps(kept, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
    text = PAGE.read_text(encoding="utf-8")
    before, rest = text.split(BEGIN)
    PAGE.write_text(f"{before}{BEGIN}\n{table(kept)}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))

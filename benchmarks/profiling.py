"""Where a warm run spends its CPU: cProfile of a job of `end_to_end.py` a system, by parts of the lab and by functions.

What is not the lab's own code (numpy, pyarrow, json) and what serves several parts (`lab/draws.py`, `lab/files`) counts
for who called it. A profile makes many small calls look longer than they are. The engine's process is not in it: its
CPU is measured beside. Compiled kernels are one line each (`kernels.py … call`).

    python benchmarks/profiling.py [rows]   the table of parts, and so many functions by their own time
    python benchmarks/profiling.py --page   the same, and the table goes into docs/performance.md
"""

from __future__ import annotations

import cProfile
import pstats
import sys
import tempfile
from pathlib import Path
from time import process_time
from typing import Any

from end_to_end import GOALS, Warm, living_children_s, written
from figures import PAGE

import lab

ROWS = 35
LAB = f"{Path(lab.__file__).parent}/"
BEGIN, END = "<!-- shares: begin (make profile ARGS=--page) -->", "<!-- shares: end -->"
ENGINE, OTHER = "the engine's process: its copy of the recording read, rules", "other, the benchmark's own among it"
GARBAGE = "freed"
"""The function that collects garbage."""
PARTS = {
    "compiled kernels: the request plane, scores, pages of the shop": ("kernels.py",),
    "what the plane asks Python for, and hands over": ("testbeds/sim/plane/",),
    "the rest of the world by columns: what was served and decided, what people did, what jobs aggregate": ("worlds/",),
    "control, levers, scrapes": ("testbeds/", "injection/"),
    "blocks of the recorder, metrics, log lines": (
        "recording/blocks.py", "recording/metrics.py", "recording/logs.py", "recording/sampling.py",
        "recording/slis.py",
    ),
    "tables brought into their final form, Parquet, checksums": ("recording/",),
    "signals, of the run and of the twin": ("signals/",),
    "checks, keys, witnesses, the copy for the engine, grades": (
        "judging/", "engines/", "runs/", "scenario/", "systems/",
    ),
}  # fmt: skip
"""Parts and where their code lies, the first that fits."""
SHARED = ("recording/arrow.py", "recording/sides.py", "recording/spool.py", "recording/ids.py")
"""Of a part's room, but every part's tools."""
Function = tuple[str, int, str]


def part_of(function: Function) -> str | None:
    """The part that a function belongs to; None where its callers decide."""
    file, _, name = function
    if name == GARBAGE:
        return "garbage collection after the job"
    place = file.removeprefix(LAB)
    if place == file or place.startswith(SHARED):
        return None
    return next((part for part, places in PARTS.items() if place.startswith(places)), None)


def owners(stats: dict[Function, Any], function: Function, below: tuple[Function, ...] = ()) -> dict[str, float]:
    """The parts on whose account a function runs, with their shares, by how long it ran when each caller called it."""
    part = part_of(function)
    if part is not None:
        return {part: 1.0}
    callers = {one: edge[3] for one, edge in stats[function][4].items() if one not in below and one != function}
    total = sum(callers.values())
    found: dict[str, float] = {}
    for caller, took_s in callers.items():
        for name, share in owners(stats, caller, (*below, function)).items() if took_s and len(below) < 12 else ():
            found[name] = found.get(name, 0.0) + share * took_s / total
    return found


def shares(stats: dict[Function, Any]) -> dict[str, float]:
    """CPU seconds by part."""
    found: dict[str, float] = {}
    for function, (_, _, own_s, _, _) in stats.items():
        parts = owners(stats, function) if own_s > 0 else {}
        for name, share in parts.items():
            found[name] = found.get(name, 0.0) + own_s * share
        found[OTHER] = found.get(OTHER, 0.0) + own_s * (1 - sum(parts.values()))
    return found


def table(found: dict[str, dict[str, float]]) -> str:
    """The parts as a table with a column for each system, the largest of the first one first."""
    totals = {system: sum(parts.values()) for system, parts in found.items()}
    names = dict.fromkeys(name for parts in found.values() for name in parts)
    first = next(iter(found.values()))
    lines = []
    for name in sorted(names, key=lambda name: (name == OTHER, -first.get(name, 0.0))):
        cells = (f"{100 * parts.get(name, 0.0) / totals[system]:.0f} %" for system, parts in found.items())
        lines.append(f"| {name} | {' | '.join(cells)} |")
    return "\n".join([f"| part, share of its CPU | {' | '.join(found)} |", "|---" * (1 + len(found)) + "|", *lines])


def profiled(system: str) -> tuple[dict[str, float], pstats.Stats]:
    """CPU seconds by part of one job, and its profile."""
    with tempfile.TemporaryDirectory() as name:
        worker = Warm(written(system, name))
        for _ in range(2):
            worker.run_s()
        began_s = living_children_s()
        profile = cProfile.Profile(process_time)
        profile.enable()
        worker.run_s()
        profile.disable()
        engine_s = living_children_s() - began_s
        worker.close()
    stats = pstats.Stats(profile)
    return {**shares(stats.stats), ENGINE: engine_s}, stats  # type: ignore[attr-defined]


def main(words: list[str]) -> None:
    found = {system: profiled(system) for system in GOALS}
    rows = table({system: parts for system, (parts, _) in found.items()})
    print(rows)
    if words == ["--page"]:
        text = PAGE.read_text(encoding="utf-8")
        before, rest = text.split(BEGIN)
        PAGE.write_text(f"{before}{BEGIN}\n{rows}\n{END}{rest.split(END)[1]}", encoding="utf-8")
    for system, (_, stats) in found.items():
        print(f"\n{system}")
        stats.sort_stats("tottime").print_stats(int(words[0]) if words and words[0].isdigit() else ROWS)


if __name__ == "__main__":
    main(sys.argv[1:])

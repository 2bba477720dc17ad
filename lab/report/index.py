"""The index: every run under a directory with its verdicts, and where its own page is.

It reads `run.json` and the grades and opens no table, so that a thousand runs cost about a second.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

from lab.contracts import Outcome
from lab.errors import UserError
from lab.recording.opening import find_runs, open_run
from lab.recording.rundir import RunDirectory
from lab.report import RUN_REPORT, matrix
from lab.report.marks import Sign
from lab.report.page import render, write_page

INDEX = "index.html"


@dataclass(frozen=True, slots=True)
class Listed:
    """One line. `href` is empty for a run without a page; `wrong` names the leading engine's failed axes."""

    anchor: str
    scenario: str
    title: str
    seed: int
    system: str
    where: str
    status: str
    href: str
    place: str
    signs: tuple[Sign, ...]
    outcomes: str
    wrong: str


@dataclass(frozen=True, slots=True)
class Broken:
    """A directory that cannot be read as a run, and why."""

    place: str
    why: str


def write_index(root: Path) -> Path:
    """Writes the index of all runs under a directory beside them, and returns its path.

    Where other runs were finished meanwhile it is written again: of two labs the one that ends last lists the runs of
    both.
    """
    paths = find_runs(root)
    while True:
        written = write_page(root / INDEX, render_index(root, paths))
        again = find_runs(root)
        if again == paths:
            return written
        paths = again


def refresh_indexes(runs: Iterable[RunDirectory]) -> None:
    """Writes the indexes anew that list some runs, where there are any; OSError where that is impossible."""
    for root in dict.fromkeys(run.path.parent.parent for run in runs):
        if (root / INDEX).is_file():
            write_index(root)


def render_index(root: Path, paths: Sequence[Path]) -> str:
    """The index of some runs under a directory as text."""
    runs, broken = [], []
    for path in paths:
        try:
            run = open_run(path, verify=False)
            runs += matrix.entries([run])
        except (UserError, KeyError, TypeError, ValueError) as error:
            why = error.problems[0].what if isinstance(error, UserError) else f"{type(error).__name__}: {error}"
            broken.append(Broken(path.relative_to(root).as_posix(), why))
    asked = Counter(engine for entry in runs for engine in entry.grades)
    by_use = sorted(asked, key=lambda engine: (engine not in matrix.LEADING, -asked[engine], engine))
    listed = matrix.worst_first(runs, by_use)
    return render(
        "index.html.j2",
        title="Runs of the chaos lab",
        engines=by_use,
        counts=matrix.counts(listed, by_use, answers=False),
        lines=[_line(number, entry, root, by_use) for number, entry in enumerate(listed, 1)],
        broken=broken,
        digest="",
    )


def _line(number: int, entry: matrix.Entry, root: Path, engines: Sequence[str]) -> Listed:
    run = entry.run
    place = run.path.relative_to(root).as_posix()
    href = quote(f"{place}/{RUN_REPORT}") if (run.path / RUN_REPORT).is_file() else ""
    first = next((engine for engine in engines if engine in entry.grades), "")
    wrong = [grade.grader for grade in entry.grades.get(first, ()) if grade.outcome is Outcome.FAIL]
    return Listed(
        anchor=f"run-{number}",
        scenario=run.scenario,
        title=str(run.meta["scenario"].get("title", "")),
        seed=run.seed,
        system=str(run.meta.get("system", "")),
        where=str(run.meta.get("testbed", "")),
        status="" if run.status == "complete" else run.status,
        href=href,
        place=place,
        signs=tuple(entry.sign(engine) for engine in engines),
        outcomes=matrix.outcomes_json(entry),
        wrong=", ".join(wrong),
    )

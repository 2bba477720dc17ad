"""The report: self-contained HTML pages about runs, a pure function of their directories.

Every run has a page of its own beside its recording, an index lists all runs under a directory, and one page can show
a whole campaign. The same runs give the same bytes. Pages need no network and no script; printing opens what is folded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING

from lab.files.fileio import read_file
from lab.report.page import render, write_page

if TYPE_CHECKING:
    from lab.recording.rundir import RunDirectory
    from lab.report.matrix import Entry

RUN_REPORT = "report.html"
MAX_REPLAYS = 12
_HEAD_BYTES = 4096


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One figure of a suite. `threshold` as written; `passed` None where no threshold is set."""

    engine: str
    metric: str
    text: str
    threshold: str = ""
    passed: bool | None = None


def write_run_report(run: RunDirectory, engines: Sequence[str] = (), *, again: bool = False) -> Path:
    """Writes a run's own page beside its recording and returns its path.

    A page that already says the same is left, unless `again`. The first of `engines` leads: its verdict is the run's.
    """
    path, digest = run.path / RUN_REPORT, run_digest(run)
    if not again and _digest_in(path) == digest:
        return path
    return write_page(path, render_report([run], engines=engines, digest=digest))


def refresh_run_report(run: RunDirectory) -> None:
    """Writes a run's page anew where it has one and its answers or grades are no longer those that the page shows.

    OSError where that is impossible.
    """
    if (run.path / RUN_REPORT).is_file():
        write_run_report(run)


def run_digest(run: RunDirectory) -> str:
    """What a run's page follows from: the sealed recording, the answers, the grades and the version of the lab."""
    from lab import __version__

    folders = [run.path / name for name in ("diagnosis", "grades", "over-time")]
    kept = sorted(file for folder in folders for file in folder.glob("*.json"))
    parts = [__version__, str(sorted(run.meta["checksums"].items()))]
    parts += [f"{file.parent.name}/{file.name} {sha256(read_file(file)).hexdigest()}" for file in kept]
    return sha256("\n".join(parts).encode()).hexdigest()


def _digest_in(path: Path) -> str:
    """The digest in the head of a page; empty where there is no such page."""
    try:
        head = read_file(path, _HEAD_BYTES)
    except OSError:
        return ""
    _, found, rest = head.partition(b'<meta name="chaos-lab-run" content="')
    return rest[:64].decode("ascii", "replace") if found else ""


def write_report(
    runs: Sequence[RunDirectory],
    path: Path,
    *,
    title: str = "",
    summary: Sequence[SummaryRow] | None = None,
    engines: Sequence[str] = (),
    only: bool = False,
) -> Path:
    """Writes one page about graded runs, whole or not at all, and returns its path.

    Engines are shown in the order of `engines`, then of the summary, then by name; the first one's verdict is a run's.
    With `only`, answers of other engines than `engines`, as of earlier commands, are left out.
    """
    return write_page(path, render_report(runs, title=title, summary=summary, engines=engines, only=only))


def render_report(
    runs: Sequence[RunDirectory],
    *,
    title: str = "",
    summary: Sequence[SummaryRow] | None = None,
    engines: Sequence[str] = (),
    digest: str = "",
    only: bool = False,
) -> str:
    """The page as text."""
    from lab.report import matrix, model

    found = matrix.entries(runs, engines if only else None)
    named = matrix.engine_order(found, [*engines, *(row.engine for row in summary or ())])
    listed = matrix.worst_first(found, named)
    shown = matrix.detailed(listed, named[0] if named else None)
    replays = [model.replay_command(entry) for entry in listed]
    return render(
        "report.html.j2",
        title=title or _title(listed),
        summary=list(summary or ()),
        counts=matrix.counts(listed, named),
        matrix=matrix.build(listed, named, shown),
        engines=named,
        # One run at a time: a recording's tables are large, what the page keeps of them is not.
        runs=(model.view(entry, named) for entry in shown),
        total=len(listed),
        detailed=len(shown),
        scenarios=len({entry.scenario for entry in listed}),
        replays=replays[:MAX_REPLAYS],
        more_replays=max(0, len(replays) - MAX_REPLAYS),
        digest=digest,
    )


def _title(listed: Sequence[Entry]) -> str:
    return "Chaos lab report" if len(listed) != 1 else f"{listed[0].run.scenario}, seed {listed[0].run.seed}"

"""The report: one self-contained HTML file about one or many runs, a pure function of their directories.

The same runs give the same bytes. The page needs no network and no script; printing it opens what is folded.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from lab.fileio import write_file

if TYPE_CHECKING:
    from lab.recording.rundir import RunDirectory

MAX_REPLAYS = 12


@dataclass(frozen=True, slots=True)
class SummaryRow:
    """One figure of a suite. `threshold` as written; `passed` None where no threshold is set."""

    engine: str
    metric: str
    text: str
    threshold: str = ""
    passed: bool | None = None


def write_report(
    runs: Sequence[RunDirectory],
    path: Path,
    *,
    title: str = "",
    summary: Sequence[SummaryRow] | None = None,
    engines: Sequence[str] = (),
) -> Path:
    """Writes the report of graded runs, whole or not at all, and returns its path.

    Engines are shown in the order of `engines`, then of the summary, then by name; the first one's verdict is a run's.
    """
    page = render_report(runs, title=title, summary=summary, engines=engines)
    path.parent.mkdir(parents=True, exist_ok=True)
    return write_file(path, page)


def render_report(
    runs: Sequence[RunDirectory],
    *,
    title: str = "",
    summary: Sequence[SummaryRow] | None = None,
    engines: Sequence[str] = (),
) -> str:
    """The page as text."""
    from jinja2 import Environment, PackageLoader, StrictUndefined

    from lab.report import matrix, model
    from lab.report.format import unbroken
    from lab.report.marks import SIGNS

    listed = matrix.entries(runs)
    named = matrix.engine_order(listed, [*engines, *(row.engine for row in summary or ())])
    shown = matrix.detailed(listed, named[0] if named else None)
    environment = Environment(
        loader=PackageLoader("lab.report"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters["unbroken"] = unbroken
    replays = [model.replay_command(entry) for entry in listed]
    return environment.get_template("report.html.j2").render(
        title=title or _title(listed),
        summary=list(summary or ()),
        counts=matrix.counts(listed, named),
        matrix=matrix.build(listed, named, shown),
        # One run at a time: a recording's tables are large, what the page keeps of them is not.
        runs=(model.view(entry, named) for entry in shown),
        total=len(listed),
        detailed=len(shown),
        scenarios=len({entry.run.scenario for entry in listed}),
        signs=SIGNS,
        replays=replays[:MAX_REPLAYS],
        more_replays=max(0, len(replays) - MAX_REPLAYS),
    )


def _title(listed: Sequence[object]) -> str:
    return "Chaos lab report" if len(listed) != 1 else "One run of the chaos lab"

"""The HTML report that a campaign ends with."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.campaign import Campaign
    from lab.cli.outputs import Writings
    from lab.cli.selection import Selection
    from lab.report import SummaryRow


def report_paths(outputs: Sequence[Path], runs_dir: Path, no_report: bool) -> list[Path]:
    """Where reports are wanted: the .html outputs, or beside the recordings where none is named."""
    named = [path for path in outputs if path.suffix == ".html"]
    return named if named or no_report else [runs_dir / "report.html"]


def write_reports(
    campaign: Campaign, paths: Sequence[Path], selection: Selection, engines: Sequence[str], writings: Writings
) -> list[Path]:
    """The HTML report of all recordings made, at each path that can be written; none where nothing was recorded."""
    from lab.recording.opening import open_run
    from lab.report import write_report

    title = (selection.suite.title or selection.suite.name) if selection.suite else ""
    summary = summary_rows(campaign)

    def write(path: Path) -> None:
        recorded = [open_run(Path(result.path), verify=False) for result in campaign.results if result.path]
        write_report(recorded, path, title=title, summary=summary, engines=engines)

    any_recorded = any(result.path for result in campaign.results)
    return [path for path in paths if any_recorded and writings.write(path, write)]


def summary_rows(campaign: Campaign) -> list[SummaryRow]:
    """The campaign's figures for the report, those without any case left out."""
    from lab.report import SummaryRow

    limits = {(t.engine, t.threshold.metric): t for t in campaign.thresholds}
    rows = []
    for engine, by_metric in campaign.metrics.items():
        for metric, summary in by_metric.items():
            limit = limits.get((engine, metric))
            if limit is not None:
                # A threshold that could not be judged is not passed.
                rows.append(SummaryRow(engine, metric, str(summary), str(limit.threshold), limit.holds is True))
            elif summary.n or summary.inconclusive:
                rows.append(SummaryRow(engine, metric, str(summary)))
    return rows

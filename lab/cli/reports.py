"""The HTML report that a campaign ends with."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from lab.cli.outputs import Writings
    from lab.cli.selection import Selection
    from lab.recording.rundir import RunDirectory
    from lab.report import SummaryRow
    from lab.runs.campaign import Campaign


def write_reports(
    campaign: Campaign, outputs: Sequence[Path], runs_dir: Path, selection: Selection, engines: Sequence[str],
    writings: Writings, *, index: bool,
) -> list[Path]:  # fmt: skip
    """The pages of a campaign that could be written, the one to open first.

    Each `.html` output is one page about all recordings made. With `index`, every run has a page of its own beside its
    recording already, and the index of all runs kept in the directory is written anew. Nothing where nothing was
    recorded.
    """
    from lab.recording.opening import open_run
    from lab.report import RUN_REPORT, write_report
    from lab.report.index import INDEX, write_index

    title = (selection.suite.title or selection.suite.name) if selection.suite else ""
    recorded = [Path(result.path) for result in campaign.results if result.path]

    def write(path: Path) -> None:
        runs = [open_run(place, verify=False) for place in recorded]
        write_report(runs, path, title=title, summary=summary_rows(campaign), engines=engines, only=True)

    for result in campaign.results:
        if result.elsewhere:
            writings.failed(
                runs_dir / Path(result.path).parent.name, f"{result.elsewhere}; the recording is kept: {result.path}"
            )
    if not recorded:
        return []
    written = [path for path in outputs if path.suffix == ".html" and writings.write(path, write)]
    if index:
        for result in campaign.results:
            if result.unreported:
                writings.failed(Path(result.path) / RUN_REPORT, result.unreported)
        own = recorded[0] / RUN_REPORT
        written += [own] if len(recorded) == 1 and own.is_file() else []
        written += [runs_dir / INDEX] if writings.write(runs_dir / INDEX, lambda _: write_index(runs_dir)) else []
    return written


def refresh_pages(runs: Sequence[RunDirectory]) -> None:
    """Brings pages that are there up to the answers and grades now kept; an archive that is only read keeps its own."""
    from lab.report import refresh_run_report
    from lab.report.index import refresh_indexes

    with suppress(OSError):
        for run in runs:
            refresh_run_report(run)
        refresh_indexes(runs)


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

"""`lab parity`: do two recordings of one scenario, from two testbeds, agree?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.console import GivenPath, json_option, option

if TYPE_CHECKING:
    from lab.recording.rundir import RunDirectory
    from lab.runs.parity import Parity, Row

_SIGNS = {-1: "−", 0: "0", 1: "+"}
_RESULTS = {
    "agree": "the recordings agree",
    "disagree": "the recordings DISAGREE",
    "inconclusive": "INCONCLUSIVE: nothing differs, and that is not enough to call it an agreement",
}
LISTED_MAX = 20
"""Rows that are all shown; of more, those that moved in either recording."""

_EPILOG = """\b
Examples:
  lab parity runs/partition-one-way/1-0a1b2c3d runs/partition-one-way/1-4e5f6071
  lab parity RUN_A RUN_B --json

What is compared, and when an agreement counts: docs/compare.md
"""


@click.command(epilog=_EPILOG)
@click.argument("first", metavar="RUN_A", type=GivenPath())
@click.argument("second", metavar="RUN_B", type=GivenPath())
@option("--engine", default="rules", show_default=True, help="The engine whose verdicts are compared.")
@json_option
def command(first: Path, second: Path, engine: str, as_json: bool) -> int:
    """Compare two recordings of one scenario, as from two testbeds.

    It compares the declared symptoms of the scenario's faults and the SLIs, each while the fault lasted, and an
    engine's verdict. Ends with 1 if they disagree, and with 4 if fewer than three signals could be compared, a fault
    shows in neither recording, or a run did not complete.
    """
    from lab.cli.console import write_json
    from lab.errors import ExitCode
    from lab.recording.opening import open_run
    from lab.runs.parity import compare

    runs = open_run(first), open_run(second)
    parity = compare(*runs, engine)
    if as_json:
        write_json({**_json(parity), "recordings": [_recording(run) for run in runs]})
    else:
        _print_recordings(runs)
        _print(parity)
    codes = {"agree": ExitCode.OK, "disagree": ExitCode.FAILED, "inconclusive": ExitCode.INCONCLUSIVE}
    return codes[parity.result]


def _json(parity: Parity) -> dict[str, object]:
    rows = [
        {
            "signal": row.signal, "subject": row.subject, "at_least": row.symptom.at_least,
            "effects": [effect.change for effect in row.effects],
            "uncertainties": [effect.uncertainty for effect in row.effects],
            "signs": row.signs, "agrees": row.agrees,
        }
        for row in parity.rows
    ]  # fmt: skip
    absent = [{"signal": one.signal, "subject": one.subject, "why": one.why} for one in parity.not_compared]
    servers = [server or None for server in parity.model_servers]
    return {
        "schema_version": 1, "result": parity.result, "agrees": parity.agrees, "doubt": parity.doubt or None,
        "signals": rows, "not_compared": absent, "verdicts": parity.verdicts, "model_servers": servers,
    }  # fmt: skip


def _recording(run: RunDirectory) -> dict[str, object]:
    """What a recording is of, as --json has it."""
    meta = run.meta
    return {"path": str(run.path), "scenario": run.scenario, "seed": run.seed, "testbed": meta["testbed"]}


def _print_recordings(runs: tuple[RunDirectory, RunDirectory]) -> None:
    for word, run in zip(("first", "second"), runs, strict=True):
        click.echo(f"{word:6}  {run.scenario}, seed {run.seed}, on {run.meta['testbed']}  ({run.path})")
    if runs[0].path.resolve() == runs[1].path.resolve():
        click.echo("! both are one recording, which agrees with itself")
    elif runs[0].scenario != runs[1].scenario:
        click.echo(f"! they are of different scenarios, {runs[0].scenario} and {runs[1].scenario}")


def _print(parity: Parity) -> None:
    if any(parity.model_servers):
        click.echo(f"model server: {' / '.join(server or 'simulated' for server in parity.model_servers)}")
    shown = [row for row in parity.rows if row.moved or len(parity.rows) <= LISTED_MAX]
    for row in shown:
        click.echo(_line(row))
    if len(shown) < len(parity.rows):
        click.echo(f"✓ {len(parity.rows) - len(shown)} other signals were compared and moved in neither recording")
    for one in parity.not_compared:
        click.echo(f"- not compared: {one.signal} of {one.subject} ({one.why})")
    same = parity.verdicts[0] == parity.verdicts[1]
    named = " / ".join(" ".join(filter(None, verdict)) for verdict in parity.verdicts)
    click.echo(f"{'✓' if same else '✗'} verdict: {named}")
    if parity.doubt:
        click.echo(f"! {parity.doubt}")
    click.echo(_RESULTS[parity.result])


def _line(row: Row) -> str:
    """`✓ + +  error_ratio of shoppers->features  (+0.9 ± 0.16 / +0.89 ± 0.17)`."""
    signs = " ".join(_SIGNS[sign] for sign in row.signs)
    effects = " / ".join(f"{effect.change:+.3g} ± {effect.uncertainty:.2g}" for effect in row.effects)
    within = "  within their uncertainty" if row.agrees and len(set(row.signs)) > 1 else ""
    return f"{'✓' if row.agrees else '✗'} {signs}  {row.signal} of {row.subject}  ({effects}){within}"

"""`lab parity`: do two recordings of one scenario, from two testbeds, tell the same story?"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import click

from lab.cli.console import GivenPath, json_option, option

if TYPE_CHECKING:
    from lab.runs.parity import Parity

_SIGNS = {-1: "−", 0: "0", 1: "+"}

_EPILOG = """\b
Examples:
  lab parity runs/partition-one-way/1-0a1b2c3d runs/partition-one-way/1-4e5f6071
  lab parity RUN_SIM RUN_STACK --json
"""


@click.command(epilog=_EPILOG)
@click.argument("first", metavar="RUN_SIM", type=GivenPath())
@click.argument("second", metavar="RUN_STACK", type=GivenPath())
@option("--engine", default="rules", show_default=True, help="Whose verdicts to compare.")
@json_option
def command(first: Path, second: Path, engine: str, as_json: bool) -> int:
    """Compare two recordings of one scenario, as from two testbeds.

    Compared are the sign of every listed signal while the fault lasted, and an engine's verdict.
    Ends with 1 where they disagree.
    """
    from lab.cli.console import write_json
    from lab.errors import ExitCode
    from lab.recording.opening import open_run
    from lab.runs.parity import compare

    parity = compare(open_run(first), open_run(second), engine)
    if as_json:
        write_json(_json(parity))
    else:
        _print(parity)
    return ExitCode.OK if parity.agrees else ExitCode.FAILED


def _json(parity: Parity) -> dict[str, object]:
    rows = [
        {"signal": r.signal, "subject": r.subject, "effects": r.effects, "signs": r.signs, "agrees": r.agrees}
        for r in parity.rows
    ]
    servers = [server or None for server in parity.model_servers]
    return {
        "schema_version": 1, "agrees": parity.agrees, "signals": rows, "verdicts": parity.verdicts,
        "model_servers": servers,
    }  # fmt: skip


def _print(parity: Parity) -> None:
    if any(parity.model_servers):
        click.echo(f"model server: {' / '.join(server or 'simulated' for server in parity.model_servers)}")
    for row in parity.rows:
        mark = "✓" if row.agrees else "✗"
        signs = " ".join(_SIGNS[sign] for sign in row.signs)
        effects = f"{row.effects[0]:+.4g} / {row.effects[1]:+.4g}"
        click.echo(f"{mark} {signs}  {row.signal} of {row.subject}  ({effects})")
    if not parity.rows:
        click.echo("no listed signal moved on either")
    same = parity.verdicts[0] == parity.verdicts[1]
    said = " / ".join(" ".join(filter(None, verdict)) for verdict in parity.verdicts)
    click.echo(f"{'✓' if same else '✗'} verdict: {said}")
    click.echo("the recordings agree" if parity.agrees else "the recordings DISAGREE")

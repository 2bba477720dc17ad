"""`lab engines`: who can be asked."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import Any

import click

from lab.cli.console import json_option

SPECS = {
    "cmd:PROGRAM ARGS": "any executable: the observed directory is the last argument, the diagnosis goes to stdout",
    "http://… or https://…": "a service: gets the observed directory as a tar.gz by POST, answers the diagnosis",
}
"""Engines that need no installing."""

_EPILOG = """\b
Examples:
  lab engines
  lab run recommender --engine rules --engine 'cmd:python my_engine.py'
"""


@click.command(epilog=_EPILOG)
@json_option
def command(as_json: bool) -> None:
    """List root-cause-analysis engines.

    Installed engines are entry points of the group lab.engines; programs and services are named by a spec.
    """
    from lab.cli.console import stdout, write_json
    from lab.cli.texts import columns
    from lab.engines import engines

    listed = [_described(name, entry) for name, entry in engines().items()]
    if as_json:
        specs = [{"spec": spec, "doc": doc} for spec, doc in SPECS.items()]
        write_json({"schema_version": 1, "engines": listed, "specs": specs})
        return
    console = stdout()
    for engine in listed:
        console.print(f"{engine['name']}  ({engine['from']})", style="bold", soft_wrap=True)
        text = engine["doc"] or f"cannot be loaded: {engine['problem']}"
        console.print("".join(f"  {line}".rstrip() + "\n" for line in text.splitlines()), soft_wrap=True)
    console.print("Named by a spec", style="bold")
    console.print(columns(SPECS.items(), indent=2), soft_wrap=True)


def _described(name: str, entry: EntryPoint) -> dict[str, Any]:
    from lab.engines import engine_doc

    described: dict[str, Any] = {"name": name, "from": entry.value, "doc": "", "problem": None}
    try:
        described["doc"] = engine_doc(name)
    except Exception as error:  # a stranger's engine that is broken must not hide the others
        described["problem"] = f"{type(error).__name__}: {error}"
    return described

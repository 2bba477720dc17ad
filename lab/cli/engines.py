"""`lab engines`: the installed engines."""

from __future__ import annotations

from importlib.metadata import EntryPoint
from typing import TYPE_CHECKING, Any

import click

from lab.cli.console import json_option

if TYPE_CHECKING:
    from lab.engines.host import EngineHost

SPECS = {
    "rules:FILE": "the reference engine with a rules file of your own (docs/rules.md)",
    "cmd:PROGRAM ARGS": "any executable: the observed directory is the last argument, the diagnosis goes to stdout",
    "http://… or https://…": "a service: gets the observed directory as a tar.gz by POST, answers the diagnosis",
}
"""Engines that need no installing."""

_EPILOG = """\b
Examples:
  lab engines
  lab run mine.suite.yaml --engine rules --engine 'cmd:python my_engine.py'
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
    from lab.engines.host import EngineHost

    with EngineHost() as host:
        listed = [_described(name, entry, host) for name, entry in engines().items()]
    if as_json:
        specs = [{"spec": spec, "doc": doc} for spec, doc in SPECS.items()]
        write_json({"schema_version": 1, "engines": listed, "specs": specs})
        return
    console = stdout()
    for engine in listed:
        console.print(f"{engine['name']}  ({engine['from']})", style="bold", soft_wrap=True)
        text = engine["doc"] or f"broken: {engine['problem']}"
        console.print("".join(f"  {line}".rstrip() + "\n" for line in text.splitlines()), soft_wrap=True)
    console.print("Named by a spec", style="bold")
    console.print(columns(SPECS.items(), indent=2), soft_wrap=True)


def _described(name: str, entry: EntryPoint, host: EngineHost) -> dict[str, Any]:
    from lab.engines import engine_doc
    from lab.engines.processes import NoAnswerError
    from lab.engines.trying import NO_DOCSTRING
    from lab.plugins import OWN, distribution

    described: dict[str, Any] = {"name": name, "from": entry.value, "doc": "", "problem": None}
    try:
        # A stranger's engine is imported where it is confined; one that is broken must not hide the others.
        described["doc"] = engine_doc(name) if distribution(entry) == OWN else host.describe(name)
    except NoAnswerError as error:
        described["problem"] = f"cannot be loaded: {error}"
    else:
        described["problem"] = None if described["doc"] else NO_DOCSTRING
    return described

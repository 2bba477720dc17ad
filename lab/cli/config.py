"""`lab config`: which options are set, to what, and where."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import click
from click.core import ParameterSource

from lab.cli import completing
from lab.cli.config_file import OWN, SHARED, TABLE, Config, options_of
from lab.cli.console import json_option
from lab.errors import UserError, nearest

_EPILOG = """\b
Examples:
  lab config                               options set by a file or the environment
  lab config run                           every option of `lab run`

\b
Defaults are read from chaos-lab.toml, or [tool.chaos-lab] of pyproject.toml, in this directory or the nearest above:
  runs-dir = "runs"                        for every command that has this option
  [run]                                    for one command
  engine = ["rules", "rules:ours.rules.yaml"]
  jobs = 4
Keys are long names of options, without dashes; -k and -x have no long name and cannot be set. Paths are relative to
the file's directory. Other options keep their defaults: runs/ is in the current directory, so set runs-dir to share
one. The command line takes precedence over the environment, and the environment over the file.
"""


@dataclass(frozen=True)
class Setting:
    """An option of a command, its value, and where that comes from."""

    command: str
    option: str
    value: Any
    origin: str
    is_default: bool


@click.command(epilog=_EPILOG)
@click.argument("name", metavar="[COMMAND]", required=False, shell_complete=completing.commands)
@json_option
@click.pass_context
def command(ctx: click.Context, name: str | None, as_json: bool) -> None:
    """Show the options that are set, their values, and where they are set.

    Without COMMAND: the options that a file or the environment sets. With COMMAND: every option of that command.
    """
    from lab.cli import COMMANDS
    from lab.cli.console import print_table, stdout, table, write_json

    if name is not None and name not in COMMANDS:
        raise UserError(f"unknown command {name!r}; {nearest(name, COMMANDS)}")
    root = ctx.find_root()
    config: Config = root.obj
    found = [one for one in _settings(root, config) if one.command == name or (name is None and not one.is_default)]
    if as_json:
        settings = [{"command": s.command, "option": s.option, "value": s.value, "from": s.origin} for s in found]
        file = None if config.path is None else str(config.path)
        write_json({"schema_version": 1, "file": file, "settings": settings})
        return
    console = stdout()
    where = f"no {OWN}, and no [{TABLE}] in a {SHARED}, here or above" if config.path is None else str(config.path)
    console.print(f"File  {where}", soft_wrap=True)
    if not found:
        console.print("Nothing is set: every option has its own default (`lab config COMMAND` shows them).")
        return
    shown = table("command", "option", "value", "from")
    for one in found:
        shown.add_row(one.command, f"--{one.option}", _text(one.value), one.origin)
    console.print()
    print_table(console, "Options", shown)


def _settings(root: click.Context, config: Config) -> Iterator[Setting]:
    group = root.command
    assert isinstance(group, click.Group)
    for name in group.list_commands(root):
        command = group.get_command(root, name)
        assert command is not None
        ctx = click.Context(command, parent=root, info_name=name, resilient_parsing=True)
        for key, option in options_of(command).items():
            assert option.name is not None
            value, source = option.consume_value(ctx, {})
            if source is ParameterSource.ENVIRONMENT:
                yield Setting(name, key, _plain(value), _variable(option, ctx), False)
            elif source is ParameterSource.DEFAULT_MAP:
                yield Setting(name, key, _plain(value), config.places[name, option.name], False)
            else:
                default = option.get_default(ctx)
                yield Setting(name, key, _plain(default), "default", True)


def _variable(option: click.Option, ctx: click.Context) -> str:
    named = option.envvar
    if isinstance(named, str):
        return named
    return f"{ctx.auto_envvar_prefix}_{str(option.name).upper()}"


def _plain(value: Any) -> Any:
    if isinstance(value, list | tuple):
        return [_plain(one) for one in value]
    if isinstance(value, Path):
        return str(value)
    return value if isinstance(value, str | int | float | bool) else None


def _text(value: Any) -> str:
    if isinstance(value, list):
        return ", ".join(map(_text, value)) or "–"
    return "–" if value is None else str(value).lower() if isinstance(value, bool) else str(value)

"""Defaults of options from a file: `chaos-lab.toml`, or `[tool.chaos-lab]` of `pyproject.toml`, here or further up."""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import click

from lab.errors import Problem, UserError, nearest

OWN, SHARED = "chaos-lab.toml", "pyproject.toml"
TABLE = "tool.chaos-lab"
_PLACE = re.compile(r" \(at line (\d+), column (\d+)\)$")
_HEADER = re.compile(r"\s*\[\s*([^\[\]]+?)\s*\]")
_KEY = re.compile(r"\s*([A-Za-z0-9_\"'-]+)\s*=")


@dataclass(frozen=True)
class Config:
    """A file's defaults: by command, and of each command by the parameter's name. `places` says where each stands."""

    path: Path | None = None
    defaults: dict[str, dict[str, Any]] = field(default_factory=dict)
    places: dict[tuple[str, str], str] = field(default_factory=dict)


def load_config(group: click.Group, ctx: click.Context, start: Path | None = None) -> Config:
    """The defaults that hold in a directory (here), none without a file; UserError with every problem of the file."""
    found = _found(start or Path.cwd())
    return Config() if found is None else _Reader(*found, group, ctx).config()


def _found(start: Path) -> tuple[Path, str, Mapping[str, Any]] | None:
    """The nearest file with defaults, its text, and its table of them."""
    for directory in (start, *start.parents):
        for path in (directory / OWN, directory / SHARED):
            try:
                text = path.read_text(encoding="utf-8") if path.is_file() else None
            except (OSError, UnicodeDecodeError) as error:
                if path.name == OWN:
                    raise UserError(Problem("cannot be read", str(path), seen=str(error))) from error
                continue
            if text is None or (path.name == SHARED and TABLE not in text):
                continue
            content = _parsed(path, text)
            if path.name == OWN:
                return path, text, content
            tool = content.get("tool")
            if isinstance(tool, dict) and isinstance(tool.get("chaos-lab"), dict):
                return path, text, tool["chaos-lab"]
    return None


def _parsed(path: Path, text: str) -> dict[str, Any]:
    import tomllib

    try:
        return tomllib.loads(text)
    except (tomllib.TOMLDecodeError, RecursionError) as error:
        place = _PLACE.search(str(error))
        line, column = (int(place[1]), int(place[2])) if place else (1, 1)
        what = f"not valid TOML: {_PLACE.sub('', str(error))}"
        raise UserError(Problem(what, os.path.relpath(path), line, column)) from error


class _Reader:
    """Checks a table against the options of all commands and collects what is wrong."""

    def __init__(self, path: Path, text: str, table: Mapping[str, Any], group: click.Group, ctx: click.Context) -> None:
        self._path, self._table, self._ctx = path, table, ctx
        self._name = os.path.relpath(path)
        self._lines = _places(text, TABLE if path.name == SHARED else "")
        commands = {name: group.get_command(ctx, name) for name in group.list_commands(ctx)}
        self._options = {name: options_of(command) for name, command in commands.items() if command is not None}
        self._problems: list[Problem] = []
        self._config = Config(path)

    def config(self) -> Config:
        everywhere = {key for options in self._options.values() for key in options}
        for key, value in self._table.items():
            if key in self._options and isinstance(value, dict):
                self._read_command(key, value)
            elif key in everywhere and not isinstance(value, dict):
                having = {command: options[key] for command, options in self._options.items() if key in options}
                # A list is for the commands that take several; where none does, it is a mistake of each.
                several = {command: option for command, option in having.items() if option.multiple}
                for command, option in ((several if isinstance(value, list) else {}) or having).items():
                    self._set(command, option, key, value, (key,))
            else:
                self._unknown((key,), [*everywhere, *self._options])
        if self._problems:
            raise UserError(dict.fromkeys(self._problems))
        return self._config

    def _read_command(self, command: str, table: Mapping[str, Any]) -> None:
        options = self._options[command]
        for key, value in table.items():
            if key in options:
                self._set(command, options[key], key, value, (command, key))
            else:
                self._unknown((command, key), list(options))

    def _set(self, command: str, option: click.Option, key: str, value: Any, path: tuple[str, ...]) -> None:
        if path == (key,) and isinstance(self._table.get(command), dict) and key in self._table[command]:
            return  # a setting of one command takes precedence over one of all
        expected = _expected(option, value)
        if not expected:
            given = [self._resolved(option, one) for one in value] if isinstance(value, list) else value
            given = [self._resolved(option, given)] if option.multiple and not isinstance(given, list) else given
            given = self._resolved(option, given) if isinstance(given, str) else given
            try:
                option.type_cast_value(self._ctx, given)
            except click.BadParameter as error:
                _, _, wanted = error.message.partition(" is not ")
                expected = wanted.rstrip(".") or error.message
            expected = expected or _seeds_expected(key, given)
        if expected:
            self._problem(path, f"{key!r} cannot have this value", seen=repr(value), expected=expected)
            return
        assert option.name is not None
        self._config.defaults.setdefault(command, {})[option.name] = given
        line, _ = self._lines.get(path, (0, 0))
        self._config.places[command, option.name] = f"{self._name}:{line}" if line else self._name

    def _resolved(self, option: click.Option, value: Any) -> Any:
        """A relative path is meant from the file's directory, wherever the command is typed."""
        if not isinstance(value, str) or os.path.isabs(value):
            return value
        if isinstance(option.type, click.Path):
            return os.path.relpath(self._path.parent / value)
        if value.startswith("rules:") and len(value) > len("rules:"):
            return "rules:" + os.path.relpath(self._path.parent / value.removeprefix("rules:"))
        return value

    def _unknown(self, path: tuple[str, ...], valid: list[str]) -> None:
        self._problem(path, f"unknown key {path[-1]!r}", hint=nearest(path[-1], valid))

    def _problem(self, path: tuple[str, ...], what: str, **more: str) -> None:
        line, column = self._lines.get(path, (0, 0))
        named = what if line else f"{'.'.join(path)}: {what}"
        self._problems.append(Problem(named, self._name, line, column, **more))


def options_of(command: click.Command) -> dict[str, click.Option]:
    """A command's options by the name that a file gives them: the long one, without its dashes."""
    found = {}
    for param in command.params:
        if isinstance(param, click.Option):
            for name in param.opts:
                if name.startswith("--"):
                    found[name.removeprefix("--")] = param
                    break
    return found


def _expected(option: click.Option, value: Any) -> str:
    """What was expected of a value by its form alone; empty if that is as it should be."""
    if option.is_flag:
        return "" if isinstance(value, bool) else "true or false"
    if option.multiple and isinstance(value, list):
        return "" if all(isinstance(one, str) for one in value) else "a list of strings"
    plain = isinstance(value, str | int | float) and not isinstance(value, bool)
    return "" if plain else "a list of strings" if option.multiple else "a string or a number"


def _seeds_expected(key: str, value: Any) -> str:
    """What was expected where a value names no seeds; empty for other keys, and where it does."""
    from lab.cli.selection import parse_seeds

    if key not in ("seeds", "control-seeds"):
        return ""
    try:
        parse_seeds(str(value))
    except UserError as error:
        _, _, wanted = str(error).partition("expected ")
        return wanted or str(error)
    return ""


def _places(text: str, top: str) -> dict[tuple[str, ...], tuple[int, int]]:
    """Line and column of keys that stand on lines of their own, by their path under the table `top`."""
    return dict(_key_places(text, top))


def _key_places(text: str, top: str) -> Iterator[tuple[tuple[str, ...], tuple[int, int]]]:
    table: tuple[str, ...] | None = () if not top else None
    for number, line in enumerate(text.splitlines(), 1):
        header, key = _HEADER.match(line), _KEY.match(line)
        if header:
            name = header[1].replace('"', "").replace("'", "")
            inside = name == top or name.startswith(f"{top}.") or not top
            table = tuple(filter(None, name.removeprefix(top).strip(".").split("."))) if inside else None
            if table:
                yield table, (number, header.start(1) + 1)
        elif key and table is not None:
            yield (*table, key[1].strip("\"'")), (number, key.start(1) + 1)

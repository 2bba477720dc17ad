"""Options about engines' processes: how long they may take, what they may hold and read."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from lab.cli.console import option
from lab.cli.groups import group
from lab.errors import Problem, UserError

if TYPE_CHECKING:
    from lab.engines.options import EngineOptions
    from lab.recording.rundir import RunDirectory
    from lab.scenario import LoadedScenario

_SECONDS = {"": 1.0, "ms": 0.001, "s": 1.0, "m": 60.0, "min": 60.0, "h": 3600.0}
_BYTES = {"MB": 10**6, "MiB": 2**20, "GB": 10**9, "GiB": 2**30}
_AMOUNT = re.compile(r"(?P<number>[0-9]{1,12}(\.[0-9]{1,9})?)\s*(?P<unit>[A-Za-z]*)")
_LONGEST_S = 7 * 86400.0
_LEAST_BYTES = 64 * 2**20


class _Amount(click.ParamType[float]):
    """A number with a unit, within limits; the value is in the smallest unit's terms."""

    def __init__(self, name: str, units: dict[str, float], example: str, low: float, high: float) -> None:
        self.name = name
        self._units, self._example, self._low, self._high = units, example, low, high

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:
        if not isinstance(value, str):
            return value
        found = _AMOUNT.fullmatch(value.strip())
        if found is None or found["unit"] not in self._units:
            units = ", ".join(filter(None, self._units))
            self.fail(
                f"{value!r} is not a {self.name}; expected a number with a unit ({units}), such as {self._example}"
            )
        amount = float(found["number"]) * self._units[found["unit"]]
        if not self._low <= amount <= self._high:
            self.fail(f"{value!r} is out of range; a {self.name} such as {self._example} was expected")
        return amount


_DURATION = _Amount("duration", _SECONDS, "2m", 0.001, _LONGEST_S)
_SIZE = _Amount("size", dict(_BYTES), "4GiB", _LEAST_BYTES, math.inf)


@dataclass(frozen=True)
class EngineLimits:
    """The options for engines' processes on the command line."""

    engine_timeout: float
    engine_memory: float
    engine_reads: tuple[Path, ...]

    def for_scenarios(self, scenarios: Iterable[LoadedScenario], runs_dir: Path) -> EngineOptions:
        """Options of a campaign: its recordings and scenario files are hidden from engines."""
        loaded = list(scenarios)
        folders = {scenario.path.resolve().parent for scenario in loaded}
        return self._options({runs_dir, *folders}, {scenario.scenario.name for scenario in loaded})

    def for_runs(self, runs: Iterable[RunDirectory]) -> EngineOptions:
        """Options for asking about recordings: these, and those beside them, are hidden from engines."""
        known = list(runs)
        return self._options(map(_place, known), {run.scenario for run in known})

    def _options(self, hidden: Iterable[Path], names: Iterable[str]) -> EngineOptions:
        from lab.engines.options import EngineOptions

        places = tuple(sorted(place.resolve() for place in hidden))
        problems = [problem for path in self.engine_reads if (problem := _read_problem(path, places))]
        if problems:
            raise UserError(problems)
        reads = tuple(path.resolve() for path in self.engine_reads)
        return EngineOptions(self.engine_timeout, int(self.engine_memory), reads, places, tuple(sorted(set(names))))


def _place(run: RunDirectory) -> Path:
    """The directory of recordings that a run lies in, or the run itself where it was moved to a place of its own."""
    path = run.path.resolve()
    return path.parents[1] if path.parent.name == run.scenario else path


def _read_problem(path: Path, hidden: Iterable[Path]) -> Problem | None:
    real = path.resolve()
    if not real.exists():
        return Problem("no such file or directory", str(path), expected="a path for --engine-read that exists")
    if real.is_dir() and any(real == place for place in hidden):
        hint = "name the files in it that the engine needs"
        return Problem("engines may not read where truth is kept", str(path), expected="another path", hint=hint)
    return None


engine_limits_options = group(
    "limits",
    EngineLimits,
    option("--engine-timeout", type=_DURATION, default="120s", show_default=True, metavar="DURATION",
           help="How long an engine may take for an answer."),
    option("--engine-memory", type=_SIZE, default="4GiB", show_default=True, metavar="SIZE",
           help="Memory for data of each engine process."),
    option("--engine-read", "engine_reads", type=click.Path(path_type=Path), multiple=True, metavar="PATH",
           help="Let engines read PATH too; kept with the result; may be repeated."),
)  # fmt: skip

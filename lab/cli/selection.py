"""What a command line selects: scenario files, a suite, seeds, engines, recordings."""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from lab.errors import NothingSelectedError, Problem, UserError, nearest

if TYPE_CHECKING:
    from lab.recording.rundir import RunDirectory
    from lab.registration.observability import Observability
    from lab.runs.suite import LoadedSuite, Suite
    from lab.scenario import LoadedScenario

DEFAULT_ENGINES = ("rules",)
SCENARIO, SUITE, SYSTEM, RULES = ".scenario.yaml", ".suite.yaml", ".system.yaml", ".rules.yaml"
COURSE = ".course.yaml"
MAX_FOLDERS = 5_000
"""Folders searched for scenarios; with more of them, the named directory is probably wrong."""
_RANGE = re.compile(r"(?P<first>[0-9]{1,19})-(?P<last>[0-9]{1,19})")


@dataclass(frozen=True)
class Selection:
    """Scenarios to run; `suite` is the one they come from, None for scenarios given by themselves.

    `partial`: some of the suite's scenarios were left out, so that its thresholds say nothing.
    """

    scenarios: tuple[LoadedScenario, ...]
    suite: Suite | None = None
    partial: bool = False

    def seen_by(self, observability: Observability | None) -> Selection:
        """The same on systems that let their operators see this much; None: as much as their files say."""
        return replace(self, scenarios=tuple(loaded.seen_by(observability) for loaded in self.scenarios))


@dataclass(frozen=True)
class Seeds:
    """Which seeds: explicit ones, or a count from a first one on (None: the suite's, or the scenario's own)."""

    explicit: tuple[int, ...] = ()
    first: int | None = None
    count: int | None = None

    @property
    def unsaid(self) -> bool:
        """Whether no seed was asked for."""
        return self == Seeds()

    def of(self, own: Sequence[int]) -> tuple[int, ...]:
        """The seeds of a scenario whose own seeds are `own`."""
        if self.explicit:
            return self.explicit
        if self.count is None:
            return tuple(own) if self.first is None else (self.first,)
        first = own[0] if self.first is None else self.first
        _check_last(first + self.count - 1)
        return tuple(range(first, first + self.count))


def parse_seeds(text: str | None, first: int | None = None, option: str = "--seeds") -> Seeds:
    """Seeds from `5` (so many) or `1000-1009` (these), with the value of `--seed`; UserError that names the option."""
    from lab.runs.suite import MAX_SEEDS
    from lab.systems.topology import MAX_SEED

    if first is not None:
        _check_last(first)
    if text is None:
        return Seeds(first=first)
    found = _RANGE.fullmatch(text.strip())
    count = int(text) if text.strip().isdecimal() and len(text) < 10 else 0
    if found:
        low, high = int(found["first"]), int(found["last"])
        if first is not None:
            raise UserError(f"--seed {first} and --seeds {text} contradict each other; give one of them")
        if low <= high < MAX_SEED and high - low < MAX_SEEDS:
            return Seeds(explicit=tuple(range(low, high + 1)))
    elif 1 <= count <= MAX_SEEDS:
        return Seeds(first=first, count=count)
    raise UserError(f"{option} is {text!r}, expected a count from 1 to {MAX_SEEDS} or a range such as 1000-1009")


def _check_last(seed: int) -> None:
    from lab.systems.topology import MAX_SEED

    if seed >= MAX_SEED:
        raise UserError(Problem("the seed is too large", seen=str(seed), expected="seeds from 0 to 2^63 - 1"))


def select(targets: Sequence[str]) -> Selection:
    """Loads what was named: one suite, or scenarios (files, shipped names, directories of them).

    UserError with every problem of every file; NothingSelectedError for a directory without scenarios.
    """
    from lab.runs.suite import load_suite

    suites = [target for target in targets if is_suite(target)]
    if not suites:
        return Selection(_distinct(_scenarios(targets)))
    if len(targets) > 1:
        what = "a suite is run by itself: its thresholds are about its own scenarios"
        raise UserError(Problem(what, seen=", ".join(targets), expected="one suite, or scenarios"))
    suite: LoadedSuite = load_suite(suites[0])
    return Selection(suite.scenarios, suite.suite)


def is_suite(target: str) -> bool:
    """Whether a path or shipped name means a suite."""
    from lab.files.finding import shipped_names

    if target.endswith(SUITE):
        return True
    return not Path(target).is_file() and target in shipped_names(SUITE)


def _scenarios(targets: Sequence[str]) -> list[LoadedScenario]:
    from lab.scenario import load_scenario

    loaded: list[LoadedScenario] = []
    problems: list[Problem] = []
    for target in targets:
        for path in _files(target):
            try:
                loaded.append(load_scenario(path))
            except UserError as error:
                problems += error.problems
    if problems:
        raise UserError(problems)
    return loaded


def _files(target: str) -> list[str | Path]:
    from lab.files.finding import shipped_names

    if not target:
        raise UserError(Problem("an empty name is not a scenario", expected="a file, a directory or a shipped name"))
    names = shipped_names(SCENARIO)
    if target in names or target.endswith((".yaml", ".yml")) or Path(target).is_file():
        return [target]
    if Path(target).is_dir():
        found = files_under(Path(target), (SCENARIO,))
        if not found:
            raise NothingSelectedError(Problem("no scenarios in this directory", target, expected=f"*{SCENARIO} files"))
        return list(found)
    hint = f"{nearest(target, [*names, *shipped_names(SUITE)])} `lab list` shows all"
    raise UserError(
        Problem(f"unknown scenario or suite {target!r}", expected="a file, a directory or a shipped name", hint=hint)
    )


def files_under(directory: Path, suffixes: tuple[str, ...]) -> list[Path]:
    """The files under a directory that end so, hidden folders left out, sorted; UserError where that is too much."""
    found: list[Path] = []
    for number, (folder, folders, files) in enumerate(os.walk(directory)):
        if number >= MAX_FOLDERS or directory.resolve() == Path(directory.resolve().anchor):
            what, hint = "too much to look through", "give the directory that holds the files"
            raise UserError(Problem(what, str(directory), expected=f"at most {MAX_FOLDERS} folders", hint=hint))
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(folder, name) for name in files if name.endswith(suffixes)]
    return sorted(found)


def _distinct(scenarios: Sequence[LoadedScenario]) -> tuple[LoadedScenario, ...]:
    from lab.scenario import distinguished

    by_name: dict[str, LoadedScenario] = {}
    for loaded in distinguished(scenarios):
        other = by_name.setdefault(loaded.name, loaded)
        if other.path.resolve() != loaded.path.resolve():
            what = f"scenario {loaded.scenario.name!r} is also the name of {other.path}"
            hint = "runs are distinguished by system and scenario name: rename one"
            raise UserError(Problem(what, str(loaded.path), hint=hint))
    return tuple(by_name.values())


def checked_engines(engines: Sequence[str], default: Sequence[str] = DEFAULT_ENGINES) -> tuple[str, ...]:
    """The engines asked for, each once, or the default; UserError with every one that cannot exist."""
    from lab.engines import engine_problems

    chosen = tuple(dict.fromkeys(engines or default))
    problems = [problem for engine in chosen for problem in engine_problems(engine)]
    if problems:
        raise UserError(problems)
    return chosen


def open_runs(targets: Sequence[Path]) -> tuple[list[RunDirectory], list[Problem]]:
    """The recordings in some directories, each once, and what is wrong with those that cannot be opened.

    Directories are run directories, or roots such as `runs`. NothingSelectedError where there is no recording.
    """
    from lab.recording.opening import find_runs, open_run

    paths: dict[Path, None] = {}
    problems: list[Problem] = []
    for target in targets:
        if not target.is_dir():
            problems.append(Problem("no such directory", str(target), hint="`lab run` makes recordings under runs/"))
        found = find_runs(target) or sorted(
            p.parent for p in target.glob("*/run.json") if not p.parent.name.startswith(".")
        )
        paths |= dict.fromkeys(found)
    if not paths and not problems:
        hint = "`lab run` makes some; give a run directory or a directory of them"
        raise NothingSelectedError(Problem("no recordings here", ", ".join(str(t) for t in targets), hint=hint))
    runs = []
    for path in paths:
        try:
            runs.append(open_run(path))
        except UserError as error:
            problems += error.problems
    return runs, problems


def short_path(path: Path) -> str:
    """A path relative to here where that is shorter."""
    relative = os.path.relpath(path)
    return relative if len(relative) < len(str(path)) else str(path)


def name_of(loaded: LoadedScenario) -> str:
    """How to name a scenario on the command line: its shipped name, or its path."""
    from lab.files.finding import shipped_name

    return shipped_name(loaded.path, SCENARIO) or short_path(loaded.path)


def lasting_name_of(loaded: LoadedScenario) -> str:
    """How to name a scenario from any directory: its shipped name, or its absolute path."""
    from lab.files.finding import shipped_name

    return shipped_name(loaded.path, SCENARIO) or str(loaded.path.resolve())

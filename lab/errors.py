"""Errors of the lab: exit codes, problems with their places, user errors."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from enum import IntEnum

MAX_NAMES = 20
"""Names listed in a hint."""


class ExitCode(IntEnum):
    """Process exit status. Precedence where several hold: 130, 6, 3, 1, 4."""

    OK = 0
    FAILED = 1
    INVALID = 2
    INTERNAL = 3
    INCONCLUSIVE = 4
    NOTHING_SELECTED = 5
    NOT_REVERTED = 6
    INTERRUPTED = 130


_PRECEDENCE = (
    ExitCode.INTERRUPTED,
    ExitCode.NOT_REVERTED,
    ExitCode.INTERNAL,
    ExitCode.INVALID,
    ExitCode.FAILED,
    ExitCode.INCONCLUSIVE,
    ExitCode.NOTHING_SELECTED,
)


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """The exit code that wins when several hold; OK for none."""
    held = set(codes)
    return next((code for code in _PRECEDENCE if code in held), ExitCode.OK)


NEXT_LINE = "\n" + 12 * " "
"""Between the lines of what a problem has seen or expected, below each other."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing wrong in one place: what, where, what was seen, what was expected, what to do."""

    what: str
    file: str = ""
    line: int = 0
    column: int = 0
    seen: str = ""
    expected: str = ""
    hint: str = ""

    def __str__(self) -> str:
        where = self.file
        if self.line:
            where += f":{self.line}:{self.column}"
        text = f"{where}: {self.what}" if where else self.what
        for label, value in (("seen", self.seen), ("expected", self.expected), ("hint", self.hint)):
            if value:
                text += f"\n  {label + ':':<9} {value}"
        return text


class LabError(Exception):
    """Base of every error the lab raises on purpose; carries the exit code the command ends with."""

    exit_code = ExitCode.INTERNAL


class UserError(LabError):
    """Input or usage is wrong; shown without a traceback, exit code 2."""

    exit_code = ExitCode.INVALID

    def __init__(self, problems: str | Problem | Iterable[Problem]):
        if isinstance(problems, str):
            problems = Problem(problems)
        self.problems = (problems,) if isinstance(problems, Problem) else tuple(problems)
        super().__init__("\n".join(str(problem) for problem in self.problems))


class ParameterError(UserError):
    """A fault cannot be injected because of one of its parameters; the error names it."""

    def __init__(self, parameter: str, problem: Problem):
        self.parameter = parameter
        super().__init__(problem)


class NothingSelectedError(UserError):
    """A selection matched nothing. This is an error and not a success; exit code 5."""

    exit_code = ExitCode.NOTHING_SELECTED


class RunAbortedError(LabError):
    """A run was stopped by its own safety conditions or could not complete; exit code 3."""


class InconclusiveRunError(LabError):
    """A run that cannot be graded because the machine disturbed it; exit code 4."""

    exit_code = ExitCode.INCONCLUSIVE


class NotRevertedError(LabError):
    """A lever could not be restored; the text has instructions for doing it by hand; exit code 6."""

    exit_code = ExitCode.NOT_REVERTED


def with_article(noun: str) -> str:
    """`a link`, `an int`: for nouns whose first letter is spoken as it is written."""
    return f"{'an' if noun[:1].lower() in tuple('aeiou') else 'a'} {noun}"


def nearest(name: str, valid: Iterable[str]) -> str:
    """A hint naming the nearest valid name; where none is near, the valid names, of many the three nearest."""
    names = sorted(set(valid))
    close = get_close_matches(name, names, n=1, cutoff=0.5)
    if close:
        return f"did you mean {close[0]!r}?"
    if len(names) > MAX_NAMES:
        nearest_names = get_close_matches(name, names, n=3, cutoff=0.0)
        return f"the nearest: {', '.join(nearest_names)}; {len(names) - len(nearest_names)} more are valid"
    return f"valid: {', '.join(names)}" if names else ""


def joined(failed: Sequence[LabError]) -> LabError:
    """One error for several: of the kind that weighs most, with what all of them say."""
    if all(isinstance(error, UserError) for error in failed):
        return UserError([problem for error in failed if isinstance(error, UserError) for problem in error.problems])
    heaviest = next((e for e in failed if e.exit_code is ExitCode.NOT_REVERTED), failed[0])
    joined = LabError("\n".join(map(str, failed)))
    joined.exit_code = heaviest.exit_code
    return joined

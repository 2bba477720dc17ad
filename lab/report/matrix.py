"""The suite matrix: a row for each run, a group of columns for each engine, a cell for each axis that was graded."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from lab.contracts import Diagnosis, Grade, Outcome, Verdict
from lab.recording.grades import DECIDING, verdict
from lab.recording.rundir import RunDirectory
from lab.report.format import shortened
from lab.report.marks import NOT_APPLICABLE, NOT_ASKED, SIGNS, Sign
from lab.scenario.naming import namesakes, told_apart

ALL_DETAILED = 16
MAX_DETAILED = 60
MAX_TIP = 160
LEADING = ("rules",)
"""The default engines to show first."""


@dataclass(frozen=True, slots=True)
class Entry:
    """One run with its grades by engine. `anchor` is unique in the page."""

    run: RunDirectory
    grades: Mapping[str, list[Grade]]
    anchor: str
    known_as: str = ""
    """What its scenario is called among the others, where its name does not distinguish it."""

    @property
    def scenario(self) -> str:
        return self.known_as or self.run.scenario

    def sign(self, engine: str | None) -> Sign:
        """The verdict on an engine's answer; of a run that proves nothing, that."""
        if self.run.inconclusive_because:
            return SIGNS[Outcome.INCONCLUSIVE]
        if engine is None or engine not in self.grades:
            return NOT_ASKED
        return SIGNS[verdict(self.grades[engine])]

    def unanswered(self, engine: str) -> bool:
        """Whether an engine that was graded gave no answer, or was unsure where that does not pass."""
        if self.sign(engine) is not SIGNS[Outcome.FAIL]:
            return False
        answer = self.run.diagnosis(engine)
        return not isinstance(answer, Diagnosis) or answer.verdict is Verdict.UNSURE


@dataclass(frozen=True, slots=True)
class Column:
    """One grader of one engine; `decides` when it is one of the axes that settle a case."""

    engine: str
    grader: str
    decides: bool


@dataclass(frozen=True, slots=True)
class Cell:
    sign: Sign
    tip: str


@dataclass(frozen=True, slots=True)
class Line:
    """A row of the matrix; `href` is None for a run without a section of its own."""

    anchor: str
    scenario: str
    seed: int
    href: str | None
    outcomes: str
    verdicts: tuple[tuple[Cell, tuple[Cell, ...]], ...]


@dataclass(frozen=True, slots=True)
class Matrix:
    """`groups`: every engine with its columns, in the order of the cells of each line."""

    groups: tuple[tuple[str, tuple[Column, ...]], ...]
    lines: tuple[Line, ...]


@dataclass(frozen=True, slots=True)
class Count:
    """Runs of one engine by verdict."""

    engine: str
    passed: int
    failed: int
    inconclusive: int
    unanswered: int = 0
    """Of those that failed: the engine gave no answer, or was unsure."""

    @property
    def total(self) -> int:
        return self.passed + self.failed + self.inconclusive


def entries(runs: Sequence[RunDirectory], only: Sequence[str] | None = None) -> list[Entry]:
    """The runs with their grades (`only`: those of these engines), by scenario and seed."""
    shared = namesakes((run.system, run.scenario) for run in runs)
    names = {run.path: told_apart(run.system, run.scenario, shared) for run in runs}
    ordered = sorted(runs, key=lambda run: (names[run.path], run.seed, run.path.name))
    return [Entry(run, _grades(run, only), f"run-{n}", names[run.path]) for n, run in enumerate(ordered, 1)]


def _grades(run: RunDirectory, only: Sequence[str] | None) -> dict[str, list[Grade]]:
    return {engine: grades for engine, grades in run.grades().items() if only is None or engine in only}


def engine_order(listed: Sequence[Entry], first: Sequence[str]) -> list[str]:
    """Every engine that was graded: those named first, then the reference engine, then the others by name."""
    found = {engine for entry in listed for engine in entry.grades}
    named = [*first, *LEADING]
    return [*dict.fromkeys(e for e in named if e in found), *sorted(found - set(named))]


def worst_first(listed: Sequence[Entry], engines: Sequence[str]) -> list[Entry]:
    """Failures, then what is inconclusive, then what was not graded, then the rest; by the first engine that judged."""
    rank = {SIGNS[Outcome.FAIL]: 0, SIGNS[Outcome.INCONCLUSIVE]: 1, NOT_ASKED: 2}

    def key(entry: Entry) -> int:
        return rank.get(entry.sign(next((e for e in engines if e in entry.grades), None)), 3)

    return sorted(listed, key=lambda entry: (key(entry), entry.scenario, entry.run.seed, entry.run.path.name))


def outcomes_json(entry: Entry) -> str:
    """Verdicts by engine, for the filter."""
    if entry.run.inconclusive_because:
        return json.dumps(dict.fromkeys(sorted(entry.grades) or [""], str(Outcome.INCONCLUSIVE)))
    return json.dumps({engine: str(verdict(grades)) for engine, grades in sorted(entry.grades.items())})


def counts(listed: Sequence[Entry], engines: Sequence[str], *, answers: bool = True) -> list[Count]:
    """How each engine fared; `answers` reads the answers too, to find unanswered cases."""
    counts = []
    for engine in engines:
        own = [entry for entry in listed if engine in entry.grades]
        signs = [entry.sign(engine) for entry in own]
        passed, failed, unknown = (signs.count(SIGNS[o]) for o in (Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE))
        unanswered = sum(entry.unanswered(engine) for entry in own) if answers else 0
        counts.append(Count(engine, passed, failed, unknown, unanswered))
    return counts


def detailed(listed: Sequence[Entry], leading: str | None) -> list[Entry]:
    """Which runs get a section: all when few, else those that did not pass and the first of each scenario."""
    if len(listed) <= ALL_DETAILED:
        return list(listed)
    chosen = []
    seen: set[str] = set()
    for entry in listed:
        first = entry.scenario not in seen
        seen.add(entry.scenario)
        if first or entry.sign(leading) is not SIGNS[Outcome.PASS]:
            chosen.append((not first, entry))
    # One run of every scenario matters more than the tenth failure of one.
    kept = {entry.anchor for _, entry in sorted(chosen, key=lambda c: c[0])[:MAX_DETAILED]}
    return [entry for _, entry in chosen if entry.anchor in kept]


def build(listed: Sequence[Entry], engines: Sequence[str], shown: Sequence[Entry]) -> Matrix:
    """The matrix of all runs; those in `shown` are linked."""
    linked = {entry.anchor for entry in shown}
    groups = tuple((engine, _columns(listed, engine)) for engine in engines)
    lines = tuple(
        Line(
            entry.anchor,
            entry.scenario,
            entry.run.seed,
            f"#{entry.anchor}" if entry.anchor in linked else None,
            outcomes_json(entry),
            tuple(
                (_verdict(entry, engine), tuple(_cell(entry, column) for column in columns))
                for engine, columns in groups
            ),
        )
        for entry in listed
    )
    return Matrix(groups, lines)


def _columns(listed: Sequence[Entry], engine: str) -> tuple[Column, ...]:
    graders = {grade.grader for entry in listed for grade in entry.grades.get(engine, ())}
    ordered = sorted(graders, key=lambda name: (name not in DECIDING, name))
    return tuple(Column(engine, name, name in DECIDING) for name in ordered)


def _verdict(entry: Entry, engine: str) -> Cell:
    sign = entry.sign(engine)
    return Cell(sign, f"{engine} on {entry.scenario}, seed {entry.run.seed}: {sign.word}")


def _cell(entry: Entry, column: Column) -> Cell:
    if column.engine not in entry.grades:
        return Cell(NOT_ASKED, f"{column.engine} was not graded here")
    found = next((g for g in entry.grades[column.engine] if g.grader == column.grader), None)
    if found is None:
        return Cell(NOT_APPLICABLE, f"{column.grader}: does not apply")
    sign = SIGNS[found.outcome]
    tip = f"{column.grader}: {sign.word}. Answer: {found.answer}. Expected: {found.expected}. {found.explanation}"
    return Cell(sign, shortened(tip, MAX_TIP))

"""Comparison with earlier results, case by case: newly broken, fixed, still failing.

Results are the JSON that `lab run -o results.json`, `lab evaluate` and `lab grade --json` write. Cases are paired by
scenario, seed and engine; where both files know one engine and their names differ, those two are paired.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path
from typing import Any

from lab.contracts import SCHEMA_VERSION, Outcome, Verdict
from lab.errors import ExitCode, Problem, UserError
from lab.files.fileio import read_file, reason
from lab.judging.statistics import PairedComparison, compare

CONTROL = "control"
"""What stands for the boundary of a case without a fault."""
_HINT = "write one with `lab run SUITE -o results.json`"
Key = tuple[str, int, str]
"""Scenario, seed and engine of a case."""


class Change(StrEnum):
    """How a case changed, in the order of the output."""

    BROKEN = "newly broken"
    LOST = "lost"
    FAILING = "still failing"
    FIXED = "fixed"
    NEW_FAILING = "new, failing"
    NEW = "new"
    UNKNOWN = "not judged"
    PASSING = "still passing"


CHANGES: Mapping[Change, str] = {
    Change.BROKEN: "passed before, fails now",
    Change.LOST: "passed before; now inconclusive, not graded or missing",
    Change.FAILING: "failed before, fails now",
    Change.FIXED: "did not pass before, passes now",
    Change.NEW_FAILING: "was not there before, fails now",
    Change.NEW: "was not there before, passes or is inconclusive now",
    Change.UNKNOWN: "did not pass before; now inconclusive, not graded or missing; or was inconclusive, and fails now",
    Change.PASSING: "passed before, passes now",
}


@dataclass(frozen=True, slots=True)
class ResultCase:
    """One graded case of a results file; `boundary` is that of its faults, or `control`.

    `isolation` and `observability` are empty where the file does not have them.
    """

    scenario: str
    seed: int
    engine: str
    outcome: Outcome
    boundary: str
    answer: str
    isolation: str = ""
    observability: str = ""

    @property
    def key(self) -> Key:
        return self.scenario, self.seed, self.engine


@dataclass(frozen=True, slots=True)
class Results:
    """A results file, as far as a comparison needs it."""

    name: str
    lab_version: str
    suite: str
    cases: Mapping[Key, ResultCase]

    @property
    def engines(self) -> list[str]:
        return list(dict.fromkeys(case.engine for case in self.cases.values()))

    @property
    def seeds(self) -> list[int]:
        return sorted({case.seed for case in self.cases.values()})


@dataclass(frozen=True, slots=True)
class Changed:
    """A case before and after; one of the two may be missing."""

    change: Change
    old: ResultCase | None
    new: ResultCase | None

    @property
    def case(self) -> ResultCase:
        """The case as it is now, or as it was where it is gone."""
        case = self.new or self.old
        assert case is not None
        return case


@dataclass(frozen=True, slots=True)
class Comparison:
    """Every case with what became of it, the exact paired tests of each engine, and what else differs."""

    old: Results
    new: Results
    changed: tuple[Changed, ...]
    tests: Mapping[str, PairedComparison]
    notes: tuple[str, ...]

    def of(self, change: Change) -> list[Changed]:
        """The cases with one change."""
        return [item for item in self.changed if item.change is change]

    def counts(self, axis: str) -> dict[str, Counter[Change]]:
        """How many cases of each change, by `scenario`, `boundary` or `engine`."""
        found: dict[str, Counter[Change]] = {}
        for item in self.changed:
            found.setdefault(str(getattr(item.case, axis)), Counter())[item.change] += 1
        return found

    def exit_codes(self) -> list[ExitCode]:
        """What a gate makes of it: 1 where a case broke, or a new one fails; 4 where one that passed was lost."""
        failed = bool(self.of(Change.BROKEN) or self.of(Change.NEW_FAILING))
        return [ExitCode.FAILED] * failed + [ExitCode.INCONCLUSIVE] * bool(self.of(Change.LOST))


def read_results(path: Path) -> Results:
    """Reads a results file; UserError with the place where it is broken or something else."""
    try:
        document = json.loads(read_file(path))
    except OSError as error:
        raise UserError(Problem("cannot be read", str(path), seen=reason(error), hint=_HINT)) from error
    except json.JSONDecodeError as error:
        raise UserError(Problem(f"not JSON: {error.msg}", str(path), error.lineno, error.colno, hint=_HINT)) from error
    except (ValueError, RecursionError) as error:
        raise UserError(Problem("not JSON", str(path), seen=str(error), hint=_HINT)) from error
    return results_of(document, str(path))


def results_of(document: Any, name: str) -> Results:
    """Results from their JSON; UserError naming the first part that is not as the lab writes it."""
    try:
        if not isinstance(document, dict) or not isinstance(document.get("cases"), list):
            raise ValueError("expected an object with a list of cases")
        if document.get("schema_version") != SCHEMA_VERSION:
            raise ValueError(f"schema_version is {document.get('schema_version')!r}, expected {SCHEMA_VERSION}")
        cases: dict[Key, ResultCase] = {}
        for number, item in enumerate(document["cases"]):
            case = _case(item, f"cases[{number}]")
            if cases.setdefault(case.key, case) is not case:
                raise ValueError(f"cases[{number}]: {case.scenario} seed {case.seed} {case.engine} is there twice")
    except ValueError as error:
        raise UserError(Problem("not results of the lab", name, seen=str(error)[:200], hint=_HINT)) from error
    return Results(name, str(document.get("lab_version") or ""), str(document.get("suite") or ""), cases)


def _case(item: Any, where: str) -> ResultCase:
    if not isinstance(item, dict):
        raise ValueError(f"{where} is not an object")
    for key, kind in (("scenario", str), ("seed", int), ("engine", str), ("outcome", str), ("truth", dict)):
        if not isinstance(item.get(key), kind) or isinstance(item.get(key), bool):
            raise ValueError(f"{where}.{key} is {item.get(key)!r}, expected {_WORDS[kind]}")
    if item["outcome"] not in set(Outcome):
        raise ValueError(f"{where}.outcome is {item['outcome']!r}, expected one of {', '.join(Outcome)}")
    faults = item["truth"].get("faults")
    if not isinstance(faults, list) or not all(isinstance(fault, dict) for fault in faults):
        raise ValueError(f"{where}.truth.faults is not a list of objects")
    boundaries = sorted({str(fault.get("boundary")) for fault in faults})
    return ResultCase(
        item["scenario"], item["seed"], item["engine"], Outcome(item["outcome"]),
        ", ".join(boundaries) or CONTROL, _answer_text(item.get("answer")),
        *(str(item.get(key) or "") for key in ("isolation", "observability")),
    )  # fmt: skip


_WORDS = {str: "text", int: "a whole number", dict: "an object"}


def _answer_text(answer: Any) -> str:
    """An engine's answer in a few words."""
    if not isinstance(answer, dict):
        return ""
    findings = answer.get("findings")
    blames = answer.get("verdict") == Verdict.FAULT
    if blames and isinstance(findings, list) and findings and isinstance(findings[0], dict):
        return f"{findings[0].get('kind')} of {findings[0].get('culprit')}"
    return str(answer.get("verdict") or f"no answer: {answer.get('failure')}")


def compare_results(old: Results, new: Results) -> Comparison:
    """Pairs two results case by case; UserError where they have none in common."""
    renamed = _renamed(old, new)
    before = {(s, seed, renamed.get(engine, engine)): case for (s, seed, engine), case in old.cases.items()}
    if not before.keys() & new.cases.keys():
        what = f"no case of {new.name} is one of {old.name}"
        hint = "compare results of the same scenarios, seeds and engines"
        raise UserError(Problem(what, seen="; ".join(_notes(old, new, renamed)), hint=hint))
    keys = [*new.cases, *(key for key in before if key not in new.cases)]
    changed = [_changed(before.get(key), new.cases.get(key)) for key in keys]
    order = list(Change)
    tests = {engine: compare(_verdicts(new.cases, engine), _verdicts(before, engine)) for engine in new.engines}
    changed.sort(key=lambda item: (order.index(item.change), item.case.key))
    return Comparison(old, new, tuple(changed), tests, tuple(_notes(old, new, renamed)))


def selected(results: Results, scenarios_and_seeds: Iterable[tuple[str, int]]) -> Results:
    """Results without the cases of other scenarios and seeds than those that were run now."""
    wanted = set(scenarios_and_seeds)
    cases = {key: case for key, case in results.cases.items() if key[:2] in wanted}
    return Results(results.name, results.lab_version, results.suite, cases)


def _renamed(old: Results, new: Results) -> dict[str, str]:
    """The old engine's name to the new one's where each file knows one and they differ."""
    if len(old.engines) == len(new.engines) == 1 and old.engines != new.engines:
        return {old.engines[0]: new.engines[0]}
    return {}


def _changed(old: ResultCase | None, new: ResultCase | None) -> Changed:
    was, now = old and old.outcome, new and new.outcome
    if old is None:
        change = Change.NEW_FAILING if now is Outcome.FAIL else Change.NEW
    elif was is Outcome.PASS:
        change = {Outcome.PASS: Change.PASSING, Outcome.FAIL: Change.BROKEN}.get(
            now or Outcome.INCONCLUSIVE, Change.LOST
        )
    elif now is Outcome.PASS:
        change = Change.FIXED
    else:
        change = Change.FAILING if was is now is Outcome.FAIL else Change.UNKNOWN
    return Changed(change, old, new)


def _verdicts(cases: Mapping[Key, ResultCase], engine: str) -> dict[tuple[str, int], bool | None]:
    held = {Outcome.PASS: True, Outcome.FAIL: False, Outcome.INCONCLUSIVE: None}
    return {key[:2]: held[case.outcome] for key, case in cases.items() if key[2] == engine}


def _notes(old: Results, new: Results, renamed: Mapping[str, str]) -> list[str]:
    """What else differs between two results."""
    notes = []
    for what, was, now in (
        ("lab versions", old.lab_version, new.lab_version),
        ("suites", old.suite or "none", new.suite or "none"),
        ("seeds", _listed(old.seeds), _listed(new.seeds)),
    ):
        if was != now:
            notes.append(f"different {what}: {was}, now {now}")
    notes += _conditions(old, new, renamed)
    for before, after in renamed.items():
        notes.append(f"different engines: {before}, now {after}; their cases are paired")
    if not renamed and sorted(old.engines) != sorted(new.engines):
        notes.append(f"different engines: {_listed(old.engines)}, now {_listed(new.engines)}")
    return notes


def _conditions(old: Results, new: Results, renamed: Mapping[str, str]) -> Iterator[str]:
    """What the same case was answered under other than before: verdicts may differ for that, and not for the engine."""
    pairs = [
        (case, new.cases[scenario, seed, renamed.get(engine, engine)])
        for (scenario, seed, engine), case in old.cases.items()
        if (scenario, seed, renamed.get(engine, engine)) in new.cases
    ]
    for what in ("observability", "isolation"):
        conditions = [(getattr(before, what), getattr(after, what)) for before, after in pairs]
        found = Counter((was, now) for was, now in conditions if was and now and was != now)
        for (was, now), count in sorted(found.items()):
            yield f"different {what} in {count} case{'s' * (count != 1)}: {was}, now {now}"


def _listed(items: Iterable[object]) -> str:
    shown = [str(item) for item in items]
    return ", ".join(shown[:8]) + (f" and {len(shown) - 8} more" if len(shown) > 8 else "")

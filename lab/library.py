"""The Python API: run a scenario, open a recording, read it as data frames, ask your own engines."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias, overload

from lab.contracts import Diagnosis, EngineFailure, Grade, Outcome, Truth
from lab.errors import Problem, UserError, nearest
from lab.recording.grades import verdict
from lab.recording.rundir import RunDirectory
from lab.testbeds.driver import DEFAULT

if TYPE_CHECKING:
    import pandas as pd

    from lab.engines.host import EngineHost
    from lab.scenario import LoadedScenario

Answer: TypeAlias = Diagnosis | Mapping[str, Any]
Engine: TypeAlias = str | Callable[[Path], Answer]
"""An engine's name, `cmd:…`, `rules:FILE` or URL; or a function from an `observed/` directory to a diagnosis."""
Scenario: TypeAlias = str | Path | Mapping[str, Any]
"""A scenario's shipped name or path, its YAML text (more than one line), or its content as a dict."""


class Run:
    """One recording: what could be observed, what engines answered, and how that was graded."""

    def __init__(self, directory: RunDirectory, engines: Iterable[str] = ()) -> None:
        self._directory = directory
        self._engines = list(engines)

    @property
    def path(self) -> Path:
        """The run directory."""
        return self._directory.path

    @property
    def scenario(self) -> str:
        """The scenario's name."""
        return self._directory.scenario

    @property
    def seed(self) -> int:
        return self._directory.seed

    @property
    def status(self) -> str:
        """`complete`, or why the run is not to be graded."""
        return self._directory.status

    @cached_property
    def truth(self) -> Truth:
        """What was really injected. Engines never see it."""
        return self._directory.truth()

    @cached_property
    def signals(self) -> pd.DataFrame:
        """Every signal by the end of its scrape interval (`time_s`): a column for each signal and subject.

        `run.signals["error_ratio"]` has a column for each subject. NaN where nothing was observed. A KeyError
        for a signal that this recording does not have says which it has.
        """
        from lab.signals import load_signals
        from lab.signals.frame import SignalFrame

        return SignalFrame.of(load_signals(self._directory.observed))

    def frame(self, table: str) -> pd.DataFrame:
        """A table of the recording: `spans`, `metrics`, `logs` (docs/recording.md), and those of its world.

        Empty where the system has no such table. UserError with the nearest name for an unknown one.
        """
        tables = self._observed.schema.tables
        if table not in tables:
            raise UserError(Problem(f"no table {table!r} in this recording", hint=nearest(table, tables)))
        return self._observed.frame(table).copy()

    @cached_property
    def _observed(self) -> Any:
        from lab.recording.observed import load_observed

        return load_observed(self._directory.observed)

    @property
    def engines(self) -> tuple[str, ...]:
        """The engines that were asked: first those asked here, in that order, then the others by name."""
        return tuple(dict.fromkeys([*self._engines, *self._directory.engines()]))

    @property
    def diagnoses(self) -> dict[str, Diagnosis | EngineFailure]:
        """Each engine's answer, or why it gave none."""
        found = {engine: self._directory.diagnosis(engine) for engine in self.engines}
        return {engine: answer for engine, answer in found.items() if answer is not None}

    @property
    def diagnosis(self) -> Diagnosis | EngineFailure | None:
        """The answer of the first of `engines`; None if no engine was asked."""
        return next(iter(self.diagnoses.values()), None)

    @property
    def grades(self) -> dict[str, list[Grade]]:
        """The grades of each engine, axis by axis; graded now where they are not kept. Empty for a run that stopped."""
        from lab.judging.assess import assess
        from lab.recording.rundir import COMPLETE

        if self.status != COMPLETE:
            return {}
        kept = self._directory.grades()
        return {e: kept[e] if e in kept else list(assess(self._directory, e).grades) for e in self.diagnoses}

    @property
    def outcomes(self) -> dict[str, Outcome]:
        """The verdict on each engine: pass, fail or inconclusive."""
        return {engine: verdict(grades) for engine, grades in self.grades.items()}

    @property
    def outcome(self) -> Outcome | None:
        """The verdict on the first of `engines`, None where none was asked or the run stopped."""
        return next(iter(self.outcomes.values()), None)

    def diagnose(self, engine: Engine = "rules", *, at_s: float | None = None) -> Diagnosis | EngineFailure:
        """Asks an engine, keeps its answer with the recording, grades it, and returns it.

        A function is called in this process, unconfined, with a copy of `observed/`; what it raises is an
        EngineFailure, as for any engine. With `at_s` (scenario seconds) the engine sees what was visible at that time,
        and nothing is kept; UserError for a time outside of the recording.
        """
        with _host(self.path.parents[1]) as host:
            return self._diagnose(engine, host) if at_s is None else self._diagnose_at(engine, host, at_s)

    def _diagnose_at(self, engine: Engine, host: EngineHost, at_s: float) -> Diagnosis | EngineFailure:
        from lab.recording.cut import cut

        with tempfile.TemporaryDirectory(prefix="lab-cut-") as folder:
            observed = Path(folder) / "observed"
            cut(self._observed, at_s).write(observed)
            return host.diagnose(engine, observed) if isinstance(engine, str) else _called(engine, observed)

    def _diagnose(self, engine: Engine, host: EngineHost) -> Diagnosis | EngineFailure:
        from lab.judging.assess import assess, diagnose
        from lab.recording.rundir import COMPLETE

        name = engine_name(engine)
        if isinstance(engine, str):
            given = diagnose(self._directory, engine, host)
            answer, problem = given.content, given.unkept
        else:
            answer = _called(engine, self.path / "observed")
            problem = self._directory.write_diagnosis(name, answer)
        if problem is not None:
            raise UserError(problem)
        self._engines.append(name)
        if self.status == COMPLETE:
            assess(self._directory, name)
        return answer

    def __repr__(self) -> str:
        outcomes = ", ".join(f"{engine}: {outcome}" for engine, outcome in self.outcomes.items())
        return f"<lab.Run {self.scenario} seed {self.seed}{'; ' + outcomes if outcomes else ''}; {self.path}>"

    def _repr_html_(self) -> str:
        return Runs([self])._repr_html_()

    def _rows(self) -> list[tuple[str, ...]]:
        from lab.cli.texts import MARKS, answer_text, truth_text

        truth = truth_text(self.truth)
        rows: list[tuple[str, ...]] = [
            (self.scenario, str(self.seed), engine, MARKS[outcome], answer_text(self.diagnoses[engine]), truth)
            for engine, outcome in self.outcomes.items()
        ]
        return rows or [(self.scenario, str(self.seed), "", self.status, "", truth)]


class Runs(tuple[Run, ...]):
    """Several runs, as a tuple that a notebook shows as a table."""

    __slots__ = ()

    @property
    def outcomes(self) -> list[dict[str, Outcome]]:
        """Each run's verdicts by engine."""
        return [run.outcomes for run in self]

    def __repr__(self) -> str:
        return f"<lab.Runs of {len(self)}: {', '.join(map(repr, self[:3]))}{', …' if len(self) > 3 else ''}>"

    def _repr_html_(self) -> str:
        heads = "".join(f"<th>{name}</th>" for name in ("scenario", "seed", "engine", "verdict", "answer", "truth"))
        rows = [row for run in self for row in run._rows()]
        body = "".join(f"<tr>{''.join(f'<td>{escape(cell)}</td>' for cell in row)}</tr>" for row in rows)
        return f"<table><tr>{heads}</tr>{body}</table>"


def engine_name(engine: Engine) -> str:
    """The name an engine's answers are kept under: its spec, or the function's name."""
    if isinstance(engine, str):
        return engine
    return str(getattr(engine, "__name__", type(engine).__name__))


def _called(engine: Callable[[Path], Answer], observed: Path) -> Diagnosis | EngineFailure:
    """A function's answer on a neutrally named copy of what could be observed."""
    from lab.engines.host import copied, told

    with tempfile.TemporaryDirectory(prefix="rca-call-") as folder:
        copy, signals = copied(observed, Path(folder) / "observed")
        os.environ.update(told(signals))
        try:
            answer = engine(copy)
            return Diagnosis.from_json(answer.to_json() if isinstance(answer, Diagnosis) else answer)
        except Exception as error:
            return EngineFailure(f"{type(error).__name__}: {error}".replace(folder, "."))
        finally:
            os.environ.update(told(None))


@overload
def run(
    scenario: Scenario, *, seed: int | None = None, seeds: None = None, engines: Engine | Sequence[Engine] = ...,
    runs_dir: str | Path = ..., fresh: bool = ..., testbed: str = ..., options: Mapping[str, Any] | None = ...,
) -> Run: ...  # fmt: skip


@overload
def run(
    scenario: Scenario, *, seed: None = None, seeds: Iterable[int], engines: Engine | Sequence[Engine] = ...,
    runs_dir: str | Path = ..., fresh: bool = ..., testbed: str = ..., options: Mapping[str, Any] | None = ...,
) -> Runs: ...  # fmt: skip


def run(
    scenario: Scenario, *, seed: int | None = None, seeds: Iterable[int] | None = None,
    engines: Engine | Sequence[Engine] = ("rules",), runs_dir: str | Path = "runs", fresh: bool = False,
    testbed: str = DEFAULT, options: Mapping[str, Any] | None = None,
) -> Run | Runs:  # fmt: skip
    """Runs a scenario, asks engines, grades them, and keeps the recording under `runs_dir`.

    It runs on the embedded simulator unless another `testbed` is named; `options` are those of the testbed
    (`testbed="stack", options={"time_scale": 5}`). `seed` is the scenario's own unless given; with `seeds` the result
    is `Runs`, one for each. A recording that would come out the same is reused unless `fresh`. UserError for a
    scenario, engine or testbed that cannot be, RunAbortedError for a run that proves nothing.
    """
    from lab.engines import check_engine
    from lab.runs.campaign import Job, recorded
    from lab.runs.preparing import prepared
    from lab.testbeds.installed import choose

    if seed is not None and seeds is not None:
        raise UserError("seed and seeds contradict each other; give one of them")
    loaded = _loaded(scenario)
    asked = [engines] if isinstance(engines, str) or callable(engines) else list(engines)
    for engine in asked:
        if isinstance(engine, str):
            check_engine(engine)
    numbers = [loaded.scenario.seed if seed is None else seed] if seeds is None else list(seeds)
    _check_seeds(numbers)
    chosen, made = choose(testbed, options), []
    jobs = [Job(loaded, number, (), chosen, fresh) for number in numbers]
    with _host(Path(runs_dir), loaded) as host, prepared(jobs, Path(runs_dir)):
        for job in jobs:
            with recorded(job, Path(runs_dir)) as (directory, _):
                one = Run(directory)
                for engine in asked:
                    one._diagnose(engine, host)
            made.append(one)
    return made[0] if seeds is None else Runs(made)


def _host(runs_dir: Path, loaded: LoadedScenario | None = None) -> EngineHost:
    """What asks engines; recordings and the scenario's file, which hold the truth, are out of their reach."""
    from lab.engines.host import EngineHost
    from lab.engines.options import EngineOptions

    hidden, names = [runs_dir.resolve()], []
    if loaded is not None:
        names.append(loaded.scenario.name)
        hidden += [loaded.path.resolve().parent] if loaded.path.is_file() else []
    return EngineHost(EngineOptions(hidden=tuple(hidden), names=tuple(names)))


def load_run(path: str | Path) -> Run:
    """Opens a recording; UserError where it is incomplete, of another version, or changed since it was written."""
    from lab.recording.opening import open_run

    return Run(open_run(Path(path)))


def _check_seeds(seeds: Sequence[int]) -> None:
    from lab.systems.topology import MAX_SEED

    for seed in seeds:
        if not isinstance(seed, int) or isinstance(seed, bool) or not 0 <= seed < MAX_SEED:
            raise UserError(Problem("not a seed", seen=repr(seed), expected="whole numbers from 0 to 2^63 - 1"))


def _loaded(scenario: Scenario) -> LoadedScenario:
    import json

    from lab.scenario import load_scenario
    from lab.scenario.load import parse_scenario

    if isinstance(scenario, Mapping):
        try:
            text = json.dumps(scenario, indent=1, ensure_ascii=False, allow_nan=False)
        except (TypeError, ValueError, RecursionError) as error:
            raise UserError(Problem(f"the scenario is not plain data: {error}")) from error
        return parse_scenario(text)
    if isinstance(scenario, str) and "\n" in scenario:
        return parse_scenario(scenario)
    return load_scenario(scenario)

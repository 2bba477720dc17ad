"""From a recording to grades: ask engines, grade what they said. A pure function of the run directory."""

from __future__ import annotations

import time
from dataclasses import dataclass, field

from lab.contracts import Case, Diagnosis, EngineFailure, Grade, Isolation, Outcome, Truth, Verdict
from lab.engines.host import EngineHost
from lab.errors import Problem
from lab.grading import grade, verdict
from lab.recording.observed import alerts_fired, column_holders, requests_seen, symptom_link
from lab.recording.rundir import RunDirectory


@dataclass(frozen=True)
class Assessment:
    """One engine on one recording."""

    scenario: str
    seed: int
    engine: str
    answer: Diagnosis | EngineFailure
    truth: Truth
    grades: tuple[Grade, ...]
    path: str
    isolation: Isolation = field(default_factory=Isolation)
    answer_s: float = field(default=0.0, compare=False)
    """How long the engine took, 0 for an answer that was kept."""
    unkept: tuple[Problem, ...] = ()
    """Files of the recording that could not be written: the verdict holds all the same."""

    @property
    def outcome(self) -> Outcome:
        return verdict(self.grades)

    @property
    def unanswered(self) -> bool:
        """Whether the engine gave no answer: it failed, or was unsure where that does not pass."""
        if isinstance(self.answer, EngineFailure):
            return True
        return self.answer.verdict is Verdict.UNSURE and self.outcome is Outcome.FAIL

    @property
    def blames(self) -> bool:
        """Whether the engine said that something is at fault."""
        return isinstance(self.answer, Diagnosis) and self.answer.verdict is Verdict.FAULT

    def axis(self, grader: str) -> Grade | None:
        """The grade of one axis, None where it did not apply."""
        return next((g for g in self.grades if g.grader == grader), None)


def diagnose(run: RunDirectory, engine: str, host: EngineHost) -> tuple[Diagnosis | EngineFailure, Problem | None]:
    """Asks an engine and keeps its answer under `diagnosis/`; also the problem where it could not be kept."""
    answer = host.diagnose(engine, run.observed)
    return answer, run.write_diagnosis(engine, answer, host.isolation(engine))


def assess(run: RunDirectory, engine: str, host: EngineHost | None = None) -> Assessment:
    """Grades an engine's kept answer, or asks it first when a host is given; keeps the grades under `grades/`."""
    began_s = time.perf_counter()
    answer, unkept = diagnose(run, engine, host) if host is not None else (run.diagnosis(engine), None)
    answer_s = time.perf_counter() - began_s if host is not None else 0.0
    if answer is None:
        raise LookupError(f"{run.path}: engine {engine!r} was not asked")
    truth = run.truth()
    observed = run.observed
    grades = grade(
        Case(
            truth,
            answer,
            run.grading,
            observed,
            run.neighbours,
            requests_seen(observed),
            alerts_fired(observed),
            symptom_link(observed),
            column_holders(observed),
        )
    )
    problems = tuple(filter(None, (unkept, run.write_grades(engine, grades))))
    isolation = host.isolation(engine) if host is not None else run.isolation(engine)
    graded = tuple(grades), str(run.path)
    return Assessment(run.scenario, run.seed, engine, answer, truth, *graded, isolation, answer_s, problems)

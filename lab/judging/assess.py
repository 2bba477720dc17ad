"""From a recording to grades: asks engines and grades their answers. The result depends only on the run directory."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

from lab.contracts import Case, Diagnosis, EngineFailure, Grade, Isolation, Outcome, Truth, Verdict
from lab.engines.host import EngineHost
from lab.errors import Problem
from lab.judging.grading import grade
from lab.recording.grades import verdict
from lab.recording.observed import alerts_fired, column_holders, requests_seen, runs_seen, symptom_link
from lab.recording.rundir import RunDirectory
from lab.systems.calendar import Calendar


@dataclass(frozen=True)
class Answer:
    """An engine's answer to a recording, or why it gave none."""

    content: Diagnosis | EngineFailure
    isolation: Isolation
    unkept: Problem | None = None
    """Why the answer could not be kept with the recording."""


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
    observability: str = ""
    calendar: Calendar | None = None
    """The system's, by which people tell times."""
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
        """Whether the engine's verdict is that something is wrong."""
        return isinstance(self.answer, Diagnosis) and self.answer.verdict is Verdict.FAULT

    def axis(self, grader: str) -> Grade | None:
        """The grade of one axis, None where it did not apply."""
        return next((g for g in self.grades if g.grader == grader), None)


def diagnose(run: RunDirectory, engine: str, host: EngineHost) -> Answer:
    """Asks an engine and keeps its answer under `diagnosis/`."""
    content = host.diagnose(engine, run.observed)
    isolation = host.isolation(engine)
    return Answer(content, isolation, run.write_diagnosis(engine, content, isolation))


def _kept(run: RunDirectory, engine: str) -> Answer:
    content = run.diagnosis(engine)
    if content is None:
        raise LookupError(f"{run.path}: engine {engine!r} was not asked")
    return Answer(content, run.isolation(engine))


def case_of(run: RunDirectory, truth: Truth, answer: Diagnosis | EngineFailure, observed: Path) -> Case:
    """What graders look at: an answer to an `observed/` directory, the run's own or a cut of it, beside the truth."""
    return Case(
        truth, answer, run.grading, observed, run.neighbours, requests_seen(observed), alerts_fired(observed),
        symptom_link(observed), column_holders(observed), runs_seen(observed),
    )  # fmt: skip


def assess(run: RunDirectory, engine: str, host: EngineHost | None = None) -> Assessment:
    """Grades an engine's kept answer, or asks it first when a host is given; keeps the grades under `grades/`."""
    answer = _kept(run, engine) if host is None else diagnose(run, engine, host)
    truth = run.truth()
    grades = grade(case_of(run, truth, answer.content, run.observed))
    return Assessment(
        run.scenario, run.seed, engine, answer.content, truth, tuple(grades), str(run.path), answer.isolation,
        run.observability, run.calendar, tuple(filter(None, (answer.unkept, run.write_grades(engine, grades)))),
    )  # fmt: skip

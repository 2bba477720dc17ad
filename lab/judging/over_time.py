"""Answers over time: engines asked about a recording cut at earlier times, and the time to diagnosis."""

from __future__ import annotations

import math
import shutil
import tempfile
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

from lab.clock import NS
from lab.contracts import SCHEMA_VERSION, Diagnosis, EngineFailure, Isolation, Outcome, Truth, Verdict
from lab.engines.host import EngineHost
from lab.errors import Problem, UserError
from lab.files.units import time_text
from lab.judging.assess import Answer, case_of
from lab.judging.grading import grade, registered_graders
from lab.recording.cut import cut
from lab.recording.grades import DECIDING, verdict
from lab.recording.observed import Observed, load_observed
from lab.recording.rundir import COMPLETE, RunDirectory, read_kept

MAX_TIMES = 1000


@dataclass(frozen=True)
class Then:
    """An engine's answer to what could be seen at `at_s` (scenario seconds).

    `outcome` is what the deciding axes say of it, measured against what had been injected by then; None where the run
    is not to be graded.
    """

    at_s: float
    answer: Answer
    outcome: Outcome | None


@dataclass(frozen=True)
class TimeToDiagnosis:
    """When an answer became right for good: the first time asked from which all later answers are right.

    `at_s` is that time, None where there is none (`because` says why). The durations count from the injection and the
    first witnessed effect of the fault that came last of those that showed. `early_alarms` of `early` answers from
    before any injection blamed something. It is no score: an engine that guesses early has a short one.
    """

    at_s: float | None
    after_injection_s: float | None = None
    after_effect_s: float | None = None
    because: str = ""
    early_alarms: int = 0
    early: int = 0


@dataclass(frozen=True)
class OverTime:
    """One engine's answers about one recording, in order of time, every `every_s` up to the end, and the figure."""

    engine: str
    every_s: float
    answers: tuple[Then, ...]
    figure: TimeToDiagnosis

    def to_json(self) -> dict[str, Any]:
        """The contents of `over-time/<engine>.json`."""
        isolation = self.answers[-1].answer.isolation
        return {
            "schema_version": SCHEMA_VERSION,
            "engine": self.engine,
            "isolation": isolation.by,
            "engine_read": list(isolation.reads),
            "every_s": self.every_s,
            "answers": [_then_json(then) for then in self.answers],
            "time_to_diagnosis": asdict(self.figure),
        }

    @classmethod
    def from_json(cls, data: Mapping[str, Any]) -> OverTime:
        """Reads what `to_json` wrote; UserError, KeyError, TypeError or ValueError where it is something else."""
        if data["schema_version"] != SCHEMA_VERSION:
            raise UserError(f"schema_version is {data['schema_version']!r}, expected {SCHEMA_VERSION}")
        isolation = Isolation(str(data["isolation"]), tuple(map(str, data["engine_read"])))
        answers = tuple(_then(item, isolation) for item in data["answers"])
        return cls(str(data["engine"]), float(data["every_s"]), answers, TimeToDiagnosis(**data["time_to_diagnosis"]))


def _then_json(then: Then) -> dict[str, Any]:
    content = then.answer.content
    answer = {"failure": content.reason} if isinstance(content, EngineFailure) else content.to_json()
    return {"at_s": then.at_s, "outcome": None if then.outcome is None else str(then.outcome), "answer": answer}


def _then(item: Mapping[str, Any], isolation: Isolation) -> Then:
    answer, outcome = item["answer"], item["outcome"]
    content = EngineFailure(str(answer["failure"])) if "failure" in answer else Diagnosis.from_json(answer)
    return Then(float(item["at_s"]), Answer(content, isolation), None if outcome is None else Outcome(outcome))


def grid(every_s: float, end_s: float) -> list[float]:
    """The multiples of `every_s` within a recording of this length, and its end. UserError for more than MAX_TIMES."""
    every_ns, end_ns = round(every_s * NS), round(end_s * NS)
    count = math.ceil(end_ns / every_ns)
    if count > MAX_TIMES:
        seen = f"every {every_s:.10g} s of {end_s:.10g} s are {count} times"
        raise UserError(Problem("too many times to ask at", seen=seen, expected=f"at most {MAX_TIMES}"))
    return [number * every_ns / NS for number in range(1, count)] + [end_s]


def diagnose_over_time(
    run: RunDirectory,
    engines: Sequence[str],
    times_s: Sequence[float],
    host: EngineHost,
    tick: Callable[[float], None] = lambda share: None,
) -> dict[str, list[Then]]:
    """Each engine's answers at these times, in order of time. Nothing is kept with the recording.

    Earlier times come first: an engine that remembers what it saw has seen nothing of the future. `tick` is called with
    the share of the times that is done.
    """
    truth, whole = run.truth(), load_observed(run.observed)
    found: dict[str, list[Then]] = {engine: [] for engine in engines}
    # Engines get a copy of their own with a neutral name; this one is only where it is written to.
    with tempfile.TemporaryDirectory(prefix="lab-cut-") as folder:
        directory = Path(folder) / "observed"
        for done, at_s in enumerate(sorted(set(times_s))):
            tick(done / len(times_s))
            _cut(run, whole, at_s).write(directory)
            for engine in engines:
                found[engine].append(_asked(run, engine, host, directory, truth_by(truth, at_s), at_s))
            shutil.rmtree(directory)
    return found


def _cut(run: RunDirectory, whole: Observed, at_s: float) -> Observed:
    """What of a recording was visible at a time; UserError, which names the recording, where it cannot be cut."""
    try:
        return cut(whole, at_s)
    except UserError as error:
        raise UserError([replace(one, file=one.file or str(run.observed)) for one in error.problems]) from None


def kept_over_time(run: RunDirectory) -> list[OverTime]:
    """What `lab diagnose --every … --keep` kept with a recording, by engine; UserError where a file of it is broken."""
    return [read_kept(file, OverTime.from_json) for file in run.over_time_files()]


def _asked(run: RunDirectory, engine: str, host: EngineHost, directory: Path, truth: Truth, at_s: float) -> Then:
    content = host.diagnose(engine, directory)
    answer = Answer(content, host.isolation(engine))
    if run.status != COMPLETE:
        return Then(at_s, answer, None)
    deciding = {name: grader for name, grader in registered_graders().items() if name in DECIDING}
    return Then(at_s, answer, verdict(grade(case_of(run, truth, content, directory), deciding)))


def truth_by(truth: Truth, at_s: float) -> Truth:
    """What was true at a time: the faults injected before it, none of which can show at once, and the benign events."""
    faults = tuple(fault for fault in truth.faults if fault.injected_s < at_s)
    return replace(truth, faults=faults, decoys=tuple(decoy for decoy in truth.decoys if decoy.at_s <= at_s))


def time_to_diagnosis(truth: Truth, answers: Sequence[Then]) -> TimeToDiagnosis:
    """The figure from an engine's answers in order of time; they should reach to the end of the recording."""
    early = [then for then in answers if all(then.at_s <= fault.injected_s for fault in truth.faults)]
    none = TimeToDiagnosis(None, early_alarms=sum(_blames(then) for then in early), early=len(early))
    shown = [fault for fault in truth.faults if fault.witnessed]
    if any(then.outcome is None for then in answers):
        return replace(none, because="the run is not to be graded")
    if not shown:
        return replace(none, because="no fault was injected" if truth.is_control else "no injected fault showed")
    last = max(shown, key=lambda fault: fault.injected_s)
    since = None
    for then in reversed(answers):
        if then.outcome is not Outcome.PASS or then.at_s <= last.injected_s:
            break
        since = then.at_s
    if since is None:
        return replace(none, because="the last answer is not right")
    assert last.witnessed_s is not None
    injected, shown_s = _apart(since, last.injected_s), _apart(since, last.witnessed_s)
    return replace(none, at_s=since, after_injection_s=injected, after_effect_s=shown_s)


def _blames(then: Then) -> bool:
    content = then.answer.content
    return isinstance(content, Diagnosis) and content.verdict is Verdict.FAULT


def _apart(later_s: float, earlier_s: float) -> float:
    return round(later_s - earlier_s, 9)


def figure_texts(over_time: OverTime) -> list[str]:
    """The time to diagnosis in words, a line each."""
    figure, lines = over_time.figure, []
    if figure.at_s is None:
        lines.append(f"time to diagnosis: none, because {figure.because}")
    else:
        assert figure.after_injection_s is not None  # both are given with `at_s`
        assert figure.after_effect_s is not None
        lines.append(
            f"time to diagnosis: {time_text(figure.after_injection_s)} after the injection, "
            f"{time_text(figure.after_effect_s)} after the first witnessed effect "
            f"(right from {time_text(figure.at_s)} on, asked every {time_text(over_time.every_s)})"
        )
    if figure.early:
        lines.append(f"blamed something at {figure.early_alarms} of {figure.early} times with nothing injected yet")
    return lines

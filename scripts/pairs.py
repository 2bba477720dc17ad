"""One scenario on both testbeds: recorded, answered by the reference engine, graded, and compared."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from lab.engines.host import EngineHost
from lab.errors import ExitCode, NotRevertedError
from lab.judging.assess import Assessment
from lab.recording.opening import open_run
from lab.recording.rundir import RunDirectory
from lab.runs.campaign import Job, JobResult, run_job
from lab.runs.parity import Parity, compare
from lab.scenario import LoadedScenario
from lab.testbeds.installed import choose

ENGINE = "rules"
TIME_SCALE = 5.0
SLOWER = 2.0
"""A run that the machine disturbed is made once more at a time scale smaller by this: its intervals are longer then."""


@dataclass(frozen=True)
class Pair:
    """What came of one scenario and seed on `sim` and on the stack; `time_scale` is the one of the run that counts."""

    sim: JobResult
    stack: JobResult
    time_scale: float

    @property
    def recordings(self) -> tuple[RunDirectory, RunDirectory]:
        """Both recordings; UserError where there is none."""
        return open_run(Path(self.sim.path)), open_run(Path(self.stack.path))

    @property
    def verdicts(self) -> tuple[Assessment, Assessment]:
        """The engine's graded answers."""
        return self.sim.assessments[0], self.stack.assessments[0]

    def parity(self) -> Parity:
        return compare(*self.recordings, engine=ENGINE)


def record_pair(
    loaded: LoadedScenario, seed: int, root: Path, host: EngineHost, time_scale: float = TIME_SCALE,
    sim_root: Path | None = None, report: Callable[[str], object] = print,
) -> Pair:  # fmt: skip
    """Runs a scenario on the stack, which is up, then on `sim`: the simulator computes while nothing is measured.

    Recordings lie under `root`, that of `sim` under `sim_root` where one is given. What goes wrong is in the results.
    A run that the machine disturbed proves nothing, and is made once more.
    """
    on_stack = _on_stack(loaded, seed, root, host, time_scale)
    if on_stack.is_inconclusive:
        time_scale /= SLOWER
        report(f"{loaded.scenario.name}: {on_stack.problem} Once more at time scale {time_scale:g}")
        on_stack = _on_stack(loaded, seed, root, host, time_scale)
    return Pair(on_sim(loaded, seed, sim_root or root, host), on_stack, time_scale)


def on_sim(loaded: LoadedScenario, seed: int, root: Path, host: EngineHost) -> JobResult:
    """What comes of the scenario on `sim`; a recording that is there is reused."""
    return run_job(Job(loaded, seed, (ENGINE,)), root, host)


def _on_stack(loaded: LoadedScenario, seed: int, root: Path, host: EngineHost, time_scale: float) -> JobResult:
    chosen = choose("stack", {"time_scale": time_scale, "keep": True, "build": False})
    made = run_job(Job(loaded, seed, (ENGINE,), chosen), root, host)
    if made.code is ExitCode.NOT_REVERTED:
        raise NotRevertedError(made.problem)  # the next run would use a stack that is still broken
    return made

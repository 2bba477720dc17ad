"""What a registration says of signals: their catalogue entries, who computes them, and the faults they witness."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import NamedTuple

from lab.contracts import Boundary
from lab.registration.clock import Amount, SystemClock, Unit
from lab.registration.observability import Observability


class SignalSpec(NamedTuple):
    """One signal. `subject`: link, component, column, job, `component.fallback`, `component.callee`
    of a component's connections, or the host under all components.

    `level` is the least level of observability at which a recording has what it is computed from. `events`: it counts
    log lines, so where it could be seen and is not there, there were none. `among`: the signal of the same subject that
    says how many a second there are, of which a ratio is a share. Shares of few vary by chance. `adds_up`: as of an SLI
    (`lab.registration.slis.Sli`); so is `window_intervals`: a value is of the last so many scrape intervals. `stacks`:
    its subjects are parts of one whole. `names`: its value is the number of what is in use, such as a version, not a
    level.
    """

    unit: str
    subject: str
    doc: str
    level: Observability = "poor"
    events: bool = False
    among: str = ""
    adds_up: bool = False
    stacks: bool = False
    names: bool = False
    window_intervals: int = 1


@dataclass(frozen=True, slots=True)
class Signals:
    """Signals of a world, by name, and the function that computes them, as `module:function`.

    It is called with the recording (`lab.recording.observed.Observed`), its metrics (`lab.signals.columns.Metrics`) and
    its scrape intervals (`lab.signals.columns.Grid`), and yields `lab.signals.Series` whose names are in the catalogue.
    `only_of`: by signal an operation of the world, where only the dataset that it writes, or a component that calls or
    is called for it, has the signal.
    """

    catalogue: Mapping[str, SignalSpec]
    of: str
    only_of: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Witness:
    """A signal by which a fault shows: catalogue name, subject pattern and smallest effect that counts.

    `subject` may use `{target}` and any parameter, e.g. `{target}.{column}`; `*` stands for any subject.
    `at_least` is an absolute difference of either sign, in `unit`: the signal's where that is empty, else the system's
    own time (`periods` of the job that the subject is or that reaches it, for ages; `per interval`, for rates).
    """

    signal: str
    subject: str
    at_least: float
    unit: Unit = ""

    def on(self, clock: SystemClock, **names: object) -> Witness:
        """The witness for one system: names in braces filled in, and the effect in the unit of its signal."""
        subject = self.subject.format(**names)
        return Witness(self.signal, subject, self.least(clock, subject))

    def least(self, clock: SystemClock, subject: str) -> float:
        """The smallest effect that counts, in the unit of the signal, for one of its subjects."""
        return Amount(self.at_least, self.unit).on(clock, subject)


class Limit(NamedTuple):
    """How far a signal may go from its usual level before `naive-thresholds` blames a fault of this kind.

    `by` is a change in `unit` (as of a `Witness`), downwards where negative, and `times` the usual level on top. Of
    several broken limits the one of the least `rank` is blamed first. `of` are the kinds of elements that it is for,
    all where none is given. `blames_store`: not the subject is blamed but the component that the feature contract
    names, or that a dataset is read from.
    """

    rank: int
    signal: str
    by: float
    kind: str
    boundary: Boundary
    times: float = 0.0
    unit: Unit = ""
    of: tuple[str, ...] = ()
    blames_store: bool = False

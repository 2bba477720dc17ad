"""The truth of a finished run: the effects of its faults, and whether its decoys were benign."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

from lab.contracts import Truth
from lab.errors import RunAbortedError
from lab.judging.truth import true_decoys, true_degradation, true_fault
from lab.judging.witness import courses, effects, judge_witnesses, judge_witnesses_alone
from lab.recording.entries import Course, Effect
from lab.recording.observed import Observed
from lab.scenario import DecoyUse, LoadedScenario
from lab.scenario.plan import plan
from lab.signals import SignalTable, compute_signals
from lab.signals.periods.movements import indicators_of
from lab.testbeds.driver import Progress, Recorded, Twin


@dataclass(frozen=True)
class Judged:
    """The truth of a run, the true effects of each fault by its id, and the signals that both were judged by.

    `courses`: by fault what the world's indicators would have been without it, where the system has a calendar.
    """

    truth: Truth
    effects: dict[str, list[Effect]]
    signals: SignalTable
    courses: dict[str, list[Course]] = field(default_factory=dict)


def judge(loaded: LoadedScenario, recorded: Recorded, is_complete: bool, progress: Callable[[int], Progress]) -> Judged:
    """The truth of a finished run. `progress(n)` reports the progress of the n-th twin, from 1 on.

    RunAbortedError where a decoy breaks an SLO, or where a control that is declared degraded is not.
    """
    signals = compute_signals(recorded.observed)
    twin, scenario = recorded.twin, loaded.scenario
    faults, true_effects, without_it = [], dict[str, list[Effect]](), dict[str, list[Course]]()
    indicators = indicators_of(recorded.observed.system)
    witnesses = plan(loaded).witnesses
    control = recorded.observed
    for number, use in enumerate(scenario.faults, 1):
        at_s, until_s = recorded.windows.get(use.id, (use.at_s, use.at_s))
        if twin is None:
            shown = judge_witnesses_alone(witnesses[use.id], signals, at_s, until_s)
        else:
            other = twin({use.id}, progress(number))
            control = other if len(scenario.faults) == 1 else control
            without = compute_signals(other)
            shown = judge_witnesses(witnesses[use.id], signals, without, at_s, until_s)
            true_effects[use.id] = effects(signals, without, at_s, until_s)
            if indicators:
                without_it[use.id] = courses(signals, without, indicators)
        faults.append(true_fault(use, (at_s, until_s), shown))
    if _judged_decoys(loaded) and twin is not None:
        if len(scenario.faults) > 1:
            control = twin({use.id for use in scenario.faults})
        _check_decoys(loaded, control, twin)
    busy = signals if recorded.counts_waiting_as_busy else None
    degraded = true_degradation(loaded, recorded.observed, busy) if is_complete else None
    return Judged(Truth(tuple(faults), true_decoys(scenario), degraded), true_effects, signals, without_it)


def _check_decoys(loaded: LoadedScenario, control: Observed, twin: Twin) -> None:
    """Decoys alone may break no SLO that holds without them: a harmful decoy is no decoy."""
    scenario, decoys = loaded.scenario, _judged_decoys(loaded)
    first_s = min(decoy.at_s for decoy in decoys)
    fired = [a for a in control.alerts if a["state"] == "firing" and a["time_s"] >= first_s]
    every = {use.id for use in scenario.faults} | {use.id for use in decoys}
    plain = twin(every).alerts if fired else []
    anyway = {alert["slo"] for alert in plain if alert["state"] == "firing"}
    for alert in fired:
        if alert["slo"] not in anyway:
            raise RunAbortedError(
                f"{scenario.name}: a decoy breaks the SLO {alert['slo']!r} at {alert['time_s']:.10g} s without any "
                "fault, so it is not benign. Make it milder."
            )


def _judged_decoys(loaded: LoadedScenario) -> tuple[DecoyUse, ...]:
    """Those that have to be benign: of a degraded control not its users', which are what degrades it."""
    scenario = loaded.scenario
    exempt = loaded.system.users if scenario.degraded else None
    return tuple(decoy for decoy in scenario.decoys if decoy.target != exempt)

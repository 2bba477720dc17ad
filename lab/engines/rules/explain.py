"""Why a cause was named, or was not: an evaluation's trace as data and as text."""

from __future__ import annotations

from collections.abc import Iterator
from math import isfinite
from typing import Any

from lab.engines.rules.names import TESTS
from lab.engines.rules.nearness import nearness
from lab.engines.rules.trace import Seen, Short, State, Test, Trial
from lab.engines.rules.tree import Condition
from lab.engines.shifts import ABRUPT_INTERVALS, CARRIED_SHARE, COVERED_SHARE
from lab.files.units import LONG_S, long_duration, window_text
from lab.registration.clock import Amount
from lab.signals.catalogue import spec_of

_MARKS = {State.HELD: "✓", State.FAILED: "✗", State.UNKNOWN: "?"}
_EXCEPTIONS = {State.HELD: "yes, so not named:", State.FAILED: "no:", State.UNKNOWN: "not recorded:"}
FLAT_Z = 2.0
"""Below so many standard errors a signal is shown as not moved, without a window."""
LEVELS = (
    "a → b: the level elsewhere in the recording, then inside the window, which is what rules compare. The evidence of "
    "an answer has the levels before and during instead, so its numbers may differ."
)


def outcome(trial: Trial) -> str:
    """`named`, `not judged` or `not named`."""
    if trial.finding is not None:
        return "named"
    return "not judged" if trial.missing else "not named"


def as_json(trial: Trial, rule: str = "") -> dict[str, Any]:
    """One cause on one element: its outcome, its window, and every condition with what it needs and what was seen."""
    window = trial.window
    return {
        "kind": trial.cause.kind,
        "culprit": trial.culprit,
        "element": trial.element,
        "boundary": str(trial.cause.boundary),
        "outcome": outcome(trial),
        "rule": rule,
        "nearness": round(nearness(trial), 3),
        "confidence": trial.finding.confidence if trial.finding else None,
        "window": None if window is None else {"onset_s": round(window.onset_s, 3), "end_s": round(window.end_s, 3)},
        "missing_signals": list(trial.missing),
        "because": because(trial),
        "when": [_test_json(test) for test in trial.when],
        "unless": [_test_json(test) for test in trial.unless],
    }


def _test_json(test: Test) -> dict[str, Any]:
    if test.options:
        return {"test": "any", "state": str(test.state), "any": [_test_json(option) for option in test.options]}
    condition = test.condition
    needs = {"times": condition.times, "z": condition.z, "share": condition.share}
    return {
        "test": _verb(condition),
        "signal": condition.signal,
        "of": test.subjects,
        "state": str(test.state),
        "needs": (
            {"at_most": _written(condition.at_most)}
            if condition.level
            else _by(condition.by) | {name: value for name, value in needs.items() if value}
        ),
        "seen": [_seen_json(seen) for seen in test.seen],
        "missing_signals": list(test.missing),
    }


def _seen_json(seen: Seen) -> dict[str, Any]:
    shift = seen.shift
    return {
        "subject": shift.subject,
        "elsewhere": _number(shift.baseline),
        "in_window": _number(shift.observed),
        "change": _number(shift.change),
        "z": _number(shift.z),
        "onset_s": _number(shift.onset_s),
        "end_s": _number(shift.end_s),
        "carried": _number(shift.carried),
        "covered": _number(shift.covered),
        "moved": seen.moved,
        "short_of": [str(short) for short in seen.short],
    }


def _number(value: float) -> float | None:
    return round(value, 6) if isfinite(value) else None


def because(trial: Trial) -> str:
    """In one sentence, what decided."""
    if trial.finding is not None:
        return "every condition holds"
    if trial.missing:
        return f"no signal {' and no '.join(trial.missing)} was recorded"
    failed = next((test for test in trial.when if test.state is not State.HELD), None)
    if failed is not None:
        return f"a condition failed: {_sentence(failed)}"
    veto = next((test for test in trial.unless if test.state is State.HELD), None)
    return f"an exception holds: {_sentence(veto)}" if veto else "nothing was tried"


def _sentence(test: Test) -> str:
    if test.options:
        return "; ".join(_sentence(option) for option in test.options)
    if not test.seen:
        unknown = "is not recorded" if test.missing else _nothing(test.condition)
        return f"{test.condition.signal} of {test.subjects} {unknown}"
    shown = next((seen for seen in test.seen if seen.moved), None) or max(test.seen, key=lambda s: abs(s.shift.z))
    return f"{test.condition.signal} of {shown.shift.subject} {_moved(test.condition, shown)}"


def lines(trial: Trial, rule: str = "") -> Iterator[str]:
    """One cause on one element in full, as text; `rule` is the place of the cause in its file."""
    on = "" if trial.element == trial.culprit else f", tried on {trial.element}"
    at = f" [{rule}]" if rule else ""
    yield f"{trial.cause.kind} of {trial.culprit} ({trial.cause.boundary}{on}){at}: {outcome(trial)}, {because(trial)}"
    if trial.window is not None and abs(trial.window.z) >= FLAT_Z:
        window = window_text(trial.window.onset_s, trial.window.end_s)
        yield f"  window {window}, given by {trial.window.signal}"
    for test in trial.when:
        yield from _test_lines(f"when {_MARKS[test.state]}", test, 2)
    for test in trial.unless:
        yield from _test_lines(f"exception: {_EXCEPTIONS[test.state]}", test, 2)


def _test_lines(title: str, test: Test, indent: int) -> Iterator[str]:
    pad = " " * indent
    if test.options:
        yield f"{pad}{title} one of"
        for option in test.options:
            yield from _test_lines(_MARKS[option.state], option, indent + 5)
        return
    condition = test.condition
    share = f", for {condition.share:.0%} of them" if condition.share else ""
    yield f"{pad}{title} {condition.signal} of {test.subjects} {_verb(condition)}{_needs(condition)}{share}"
    if not test.seen:
        yield f"{pad}       {'not recorded' if test.missing else _nothing(test.condition)}"
    for seen in test.seen:
        yield f"{pad}       {seen.shift.subject}: {_moved(condition, seen)}"


def _nothing(condition: Condition) -> str:
    if condition.level:
        return "is not known in the window"
    return "never " + ("falls" if condition.falls else "rises") + ", or is known in too few intervals"


def _by(by: Amount) -> dict[str, float | str]:
    return {"by": _written(by)} if by.value else {}


def _written(amount: Amount) -> float | str:
    return str(amount) if amount.unit else amount.value


def _verb(condition: Condition) -> str:
    return next(test for test in TESTS if getattr(condition, test))


def _needs(condition: Condition) -> str:
    if condition.level:
        most = condition.at_most
        return f" (at most {most if most.unit else _amount(condition, most.value)})"
    by = condition.by
    amounts = [f"by {by if by.unit else _amount(condition, by.value)}"] if by.value else []
    amounts += [f"by {condition.times:.0%} of its level"] if condition.times else []
    amounts += [f"z {condition.z:g}"] if condition.z else []
    amounts += ["at once"] if condition.abrupt else []
    amounts += ["now and then"] if condition.sporadic else []
    return f" ({', '.join(amounts)}{'; anywhere' if condition.anywhere else ''})"


def _moved(condition: Condition, seen: Seen) -> str:
    """`0.15 % → 5.4 % in 165–185 s (change 5.2 %, z 13): rests on one interval alone`."""
    shift = seen.shift
    if condition.level:
        window = window_text(shift.onset_s, shift.end_s)
        high = "" if seen.moved else f": needs at most {_amount(condition, seen.by)}"
        return f"is {_amount(condition, shift.observed)} in {window}{high}"
    if abs(shift.z) < FLAT_Z and not seen.moved:
        return f"did not move ({_amount(condition, shift.baseline)} elsewhere, z {shift.z:.2g})"
    levels = f"{_amount(condition, shift.baseline)} → {_amount(condition, shift.observed)}"
    window = window_text(shift.onset_s, shift.end_s)
    text = f"{levels} in {window} (change {_amount(condition, shift.change)}, z {_three_digits(shift.z)})"
    missed = {
        Short.BY: f"needs a change of {_amount(condition, seen.by)}",
        Short.TIMES: f"needs {condition.times:.0%} of {_amount(condition, shift.baseline)}",
        Short.Z: f"needs z {condition.z:g}",
        Short.CARRIED: (
            f"rests on one interval alone (without it {max(0.0, shift.carried):.0%} of the change is left, "
            f"needs {CARRIED_SHARE:.0%})"
        ),
        Short.COVERED: f"known in {shift.covered:.0%} as many intervals as elsewhere, needs {COVERED_SHARE:.0%}",
        Short.ABRUPT: f"came slowly, needs most of it within {ABRUPT_INTERVALS} scrape intervals",
    }
    # Of what hardly moved there is nothing to say but that. An amount that was not asked for is not lacking either.
    idle = {Short.CARRIED, Short.COVERED, Short.ABRUPT} if Short.Z in seen.short else set()
    idle |= ({Short.TIMES} if not condition.times else set()) | ({Short.BY} if not condition.by.value else set())
    short = [] if condition.steady else [what for what in seen.short if what not in idle]
    return text + (": " + ", ".join(missed[what] for what in short) if short else "")


def _amount(condition: Condition, value: float) -> str:
    unit = spec_of(condition.signal).unit
    if unit == "ratio":
        return f"{value * 100:.3g} %"
    if unit == "s" and abs(value) >= LONG_S:
        return long_duration(value)
    if unit == "s":
        return f"{_three_digits(value)} s" if abs(value) >= 1 or not value else f"{value * 1000:.3g} ms"
    return f"{_three_digits(value)}/s" if unit == "1/s" else _three_digits(value)


def _three_digits(value: float) -> str:
    """A number to three digits, those before the point in full; what is very large with an exponent."""
    return f"{value:.0f}" if 1000 <= abs(value) < 1e6 else f"{value:.3g}"

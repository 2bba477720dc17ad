"""Quantities as people write them (`250ms`, `30%`, `50/s`) and as the lab keeps them (seconds, ratios, per second)."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
_DURATION = re.compile(_NUMBER + r"\s*(?P<unit>ns|us|µs|ms|s|m|h)")
_RATIO = re.compile(_NUMBER + r"\s*%")
_RATE = re.compile(_NUMBER + r"\s*/\s*(?P<unit>s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
MAX_DURATION_S = 24 * 3600.0
"""Of what a part of a system waits or lasts."""
MAX_SCENARIO_S = 60 * 24 * 3600.0
"""Of a scenario, and of any time in it."""


def _match(pattern: re.Pattern[str], value: Any, expected: str) -> re.Match[str]:
    found = pattern.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 40 else None
    if not found:
        raise ValueError(f"expected {expected}")
    return found


def duration_s(value: Any) -> float:
    """Seconds from `250ms`, `1.5s`, `5m` or `2h`; a bare number is refused because its unit would be a guess."""
    return _seconds(value, MAX_DURATION_S)


def scenario_time_s(value: Any) -> float:
    """Seconds of a scenario, written like any duration: it may last for days."""
    return _seconds(value, MAX_SCENARIO_S)


def _seconds(value: Any, at_most_s: float) -> float:
    found = _match(_DURATION, value, "a duration with its unit: 250ms, 30s, 5m, 1h")
    # A short decimal times an exact unit: rounding at 1 ns keeps 250ms == 0.25 exactly.
    seconds = round(float(found["number"]) * _SECONDS[found["unit"]], 9)
    if seconds > at_most_s:
        raise ValueError(f"expected a duration of at most {at_most_s / 3600:.0f}h")
    return seconds


def ratio(value: Any) -> float:
    """A share of one from `30%`, or a plain number between 0 and 1."""
    if isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value):
        number = float(value)
    else:
        number = float(_match(_RATIO, value, "a share: 30%, or a number from 0 to 1")["number"]) / 100
    if not 0 <= number <= 1:
        raise ValueError("expected a share from 0% to 100%")
    return number


def rate_per_s(value: Any) -> float:
    """Events per second from `50/s`, `300/m` or `1000/h`."""
    found = _match(_RATE, value, "a rate with its unit: 50/s, 300/m")
    return float(found["number"]) / _SECONDS[found["unit"]]


def format_duration(seconds: float) -> str:
    """The shortest common way to write a duration; inverse of `duration_s` for values it produced."""
    if seconds > 1 and abs(seconds - round(seconds)) > 1e-9:
        return f"{round(seconds, 9):.14g}s"
    for unit, size in (("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9)):
        if seconds >= size and abs(seconds / size - round(seconds / size)) < 1e-9:
            return f"{round(seconds / size)}{unit}"
    return f"{seconds:g}s"


def _typed(parse: Any, pattern: str, example: str, *also: dict[str, Any]) -> Any:
    text = {"type": "string", "pattern": pattern, "examples": [example]}
    return (BeforeValidator(parse), WithJsonSchema({"anyOf": [text, *also]} if also else text))


_DURATION_FORM = r"[0-9]+(\.[0-9]+)?\s*(ns|us|µs|ms|s|m|h)$"
_RATIO_FORM = r"0*(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)\s*%$"
_RATE_FORM = r"[0-9]+(\.[0-9]+)?\s*/\s*(s|m|h)$"
_SOME = "^(?=.*[1-9])"

Duration = Annotated[float, Field(ge=0), *_typed(duration_s, "^" + _DURATION_FORM, "30s")]
"""Seconds (float); written with a unit."""
PositiveDuration = Annotated[float, Field(gt=0), *_typed(duration_s, _SOME + _DURATION_FORM, "30s")]
"""Seconds, more than none."""
ScenarioTime = Annotated[float, Field(ge=0), *_typed(scenario_time_s, "^" + _DURATION_FORM, "48h")]
"""Seconds of a scenario, at most 60 days; written with a unit."""
PositiveScenarioTime = Annotated[float, Field(gt=0), *_typed(scenario_time_s, _SOME + _DURATION_FORM, "48h")]
"""Seconds of a scenario, more than none."""
Ratio = Annotated[float, *_typed(ratio, "^" + _RATIO_FORM, "30%", {"type": "number", "minimum": 0, "maximum": 1})]
"""A share of one, 0 to 1; written as a percentage or a number."""
PositiveRatio = Annotated[
    float,
    Field(gt=0),
    *_typed(ratio, _SOME + _RATIO_FORM, "30%", {"type": "number", "exclusiveMinimum": 0, "maximum": 1}),
]
"""A share of one, more than none."""
Rate = Annotated[float, Field(ge=0), *_typed(rate_per_s, "^" + _RATE_FORM, "50/s")]
"""Events per second (float); written with a unit."""
PositiveRate = Annotated[float, Field(gt=0), *_typed(rate_per_s, _SOME + _RATE_FORM, "50/s")]
"""Events per second, more than none."""

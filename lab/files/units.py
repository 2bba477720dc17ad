"""Quantities as people write them (`250ms`, `30%`, `50/s`) and as the lab keeps them (seconds, ratios, per second)."""

from __future__ import annotations

import math
import re
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, WithJsonSchema

_NUMBER = r"(?P<number>[0-9]+(?:\.[0-9]+)?)"
_UNITS = "ns|us|µs|ms|s|m|h|d"
_PART = re.compile(_NUMBER + rf"\s*(?P<unit>{_UNITS})")
_DURATION = re.compile(rf"([0-9]+(\.[0-9]+)?\s*({_UNITS})\s*)+")
_RATIO = re.compile(_NUMBER + r"\s*%")
_RATE = re.compile(_NUMBER + r"\s*/\s*(?P<unit>s|m|h)")
_SECONDS = {"ns": 1e-9, "us": 1e-6, "µs": 1e-6, "ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0}
_SHOWN = (("d", 86400.0), ("h", 3600.0), ("m", 60.0), ("s", 1.0), ("ms", 1e-3), ("us", 1e-6), ("ns", 1e-9))
MAX_DURATION_S = 60 * 24 * 3600.0
"""Of any duration in a file, an option or a lever."""
MAX_AMOUNT = 1e300


def _match(pattern: re.Pattern[str], value: Any, expected: str) -> re.Match[str]:
    found = pattern.fullmatch(value.strip()) if isinstance(value, str) and len(value) < 40 else None
    if not found:
        raise ValueError(f"expected {expected}")
    return found


def duration_s(value: Any) -> float:
    """Seconds from `250ms`, `1.5s`, `2h`, or parts of it from large to small such as `2d12h`, at most 60 days.

    A bare number is refused because its unit would be a guess.
    """
    _match(_DURATION, value, "a duration with its unit: 250ms, 30s, 5m, 1h, 2d12h")
    parts = [(part["number"], _SECONDS[part["unit"]]) for part in _PART.finditer(value)]
    sizes = [size for _, size in parts]
    if sizes != sorted(set(sizes), reverse=True):
        raise ValueError("expected each unit once, the largest first: 2d12h")
    # A short decimal times an exact unit: rounding at 1 ns keeps 250ms == 0.25 exactly.
    seconds = round(sum(float(number) * size for number, size in parts), 9)
    if seconds > MAX_DURATION_S:
        raise ValueError(f"expected a duration of at most {format_duration(MAX_DURATION_S)}")
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


def amount(value: Any, unit: str) -> float:
    """A number of a unit from `500 EUR`, or a plain number; of the unit `1` numbers are plain. Any unit fits where it
    is empty."""
    form = rf"(?P<number>-?[0-9]+(?:\.[0-9]+)?)\s*{re.escape(unit) if unit else '.*'}"
    if isinstance(value, int | float) and not isinstance(value, bool) and abs(value) <= MAX_AMOUNT:
        return float(value)
    if unit == "1":
        raise ValueError("expected a number")
    return float(_match(re.compile(form), value, f"an amount: 500 {unit}, or a number")["number"])


def rate_per_s(value: Any) -> float:
    """Events per second from `50/s`, `300/m` or `1000/h`."""
    found = _match(_RATE, value, "a rate with its unit: 50/s, 300/m")
    return float(found["number"]) / _SECONDS[found["unit"]]


def format_duration(seconds: float) -> str:
    """The shortest common way to write a duration; inverse of `duration_s` for values it produced."""
    if seconds > 1 and abs(seconds - round(seconds)) > 1e-9:
        return f"{round(seconds, 9):.14g}s"
    for unit, size in _SHOWN:
        if seconds >= size and abs(seconds / size - round(seconds / size)) < 1e-9:
            return f"{round(seconds / size)}{unit}"
    return f"{seconds:g}s"


def long_duration(seconds: float) -> str:
    """A time of two hours or more to three digits, as people tell it: `3.1 h`, `12 d`."""
    return f"{seconds / 3600:.3g} h" if abs(seconds) < 2 * 86_400 else f"{seconds / 86_400:.3g} d"


def time_text(seconds: float) -> str:
    """A time of a scenario in seconds, such as `152.6 s`; `2d12h` where it is long, as a file may give it."""
    if seconds < LONG_S or seconds % 60:
        return f"{seconds:.10g} s"
    return compact_duration(seconds)


def clock_text(seconds: float) -> str:
    """A time of a scenario as a clock shows it, to the second: `07:35`; as `time_text` where it is long."""
    whole = round(seconds)
    return f"{whole // 60:02d}:{whole % 60:02d}" if whole < LONG_S else time_text(round(seconds, 1))


def compact_duration(seconds: float) -> str:
    """Whole minutes as a file may give them: `20d3h`, `45m`, `-2h30m`; `0m` for none."""
    minutes = round(abs(seconds) / 60)
    parts = zip((*divmod(minutes // 60, 24), minutes % 60), "dhm", strict=True)
    text = "".join(f"{count}{unit}" for count, unit in parts if count) or "0m"
    return f"-{text}" if seconds < 0 and minutes else text


def written_time(seconds: float) -> str:
    """A time or a duration as a file gives it and people read it: `160s`, `5m`, `13d9h`."""
    return format_duration(seconds) if seconds < LONG_S or seconds % 60 else compact_duration(seconds)


def window_text(from_s: float, until_s: float) -> str:
    """A window in a scenario: `30–55 s`, `10d–11d6h`."""
    first, last = time_text(from_s), time_text(until_s)
    return f"{first.removesuffix(' s') if last.endswith(' s') else first}–{last}"


def periods_text(seconds: float, period_s: float, word: str) -> str:
    """How long something takes in periods of so many seconds: `2 periods`, `0.5 periods`."""
    periods = f"{seconds / period_s:.2g}"
    return f"{periods} {word}{'' if periods == '1' else 's'}"


LONG_S = 7200.0
"""From when on times are told in hours and days."""
MINUTES_FROM_S = 120.0
"""From when on reasons tell them in minutes."""


def _typed(parse: Any, pattern: str, example: str, *also: dict[str, Any]) -> Any:
    text = {"type": "string", "pattern": pattern, "examples": [example]}
    return (BeforeValidator(parse), WithJsonSchema({"anyOf": [text, *also]} if also else text))


_DURATION_FORM = rf"([0-9]+(\.[0-9]+)?\s*({_UNITS})\s*)+$"
_RATIO_FORM = r"0*(100(\.0+)?|[0-9]{1,2}(\.[0-9]+)?)\s*%$"
_RATE_FORM = r"[0-9]+(\.[0-9]+)?\s*/\s*(s|m|h)$"
_SOME = "^(?=.*[1-9])"

Duration = Annotated[float, Field(ge=0), *_typed(duration_s, "^" + _DURATION_FORM, "30s")]
"""Seconds (float); written with a unit."""
PositiveDuration = Annotated[float, Field(gt=0), *_typed(duration_s, _SOME + _DURATION_FORM, "30s")]
"""Seconds, more than none."""
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

"""Numbers with their units, as a reader wants them: `97.0 %`, `120 ms`, `50.1/s`."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from typing import Any, NamedTuple

from markupsafe import Markup, escape

from lab.files.units import LONG_S, compact_duration
from lab.systems.calendar import Calendar

NOTHING = "–"
SPACE = "\N{NO-BREAK SPACE}"
"""Between a number and its unit."""
MINUTE_S, HOUR_S, DAY_S = 60.0, 3600.0, 86400.0
ROUNDED_OFF = 1e-12
"""What is nearer to nothing is what computing with floats leaves over."""
DAYS_FROM_S = 4 * DAY_S
"""How long a recording is whose times are told to the hour, and a length of time that is told in days."""
_JOINT = re.compile(r"_|(?<=\w)\.(?=[^\W\d])")
"""Where the words of a name meet."""
_LINK = re.compile(r"[\w.<>-]+-&gt;[\w.<>-]+")
_IN_SECONDS = re.compile(r"\b(\d+(?:\.\d+)?)(?:–(\d+(?:\.\d+)?))? s\b")
_SECONDS = ((3600.0, "h"), (60.0, "min"), (1.0, "s"), (1e-3, "ms"), (1e-6, "µs"))


class Scale(NamedTuple):
    """How an axis is labelled: multiply by `factor`, name the result `unit`."""

    factor: float
    unit: str


def scale(unit: str, top: float) -> Scale:
    """The scale for values up to `top` of a catalogue unit (`ratio`, `s`, `1/s`, `1`)."""
    if unit == "ratio":
        return Scale(100.0, "%")
    if unit == "s" and top >= DAYS_FROM_S:
        return Scale(1 / DAY_S, "d")
    if unit == "s":
        # Minutes and hours only where seconds would need four digits.
        size, name = next(((z, n) for z, n in _SECONDS if top >= z * (10 if z > 1 else 1)), _SECONDS[-1])
        return Scale(1 / size, name)
    return Scale(1.0, "/s" if unit == "1/s" else "" if unit == "1" else unit)


def significant(value: float, digits: int = 3) -> str:
    """A number to a few significant digits, without an exponent where people would not use one."""
    if abs(value) < ROUNDED_OFF:
        return "0"
    magnitude = math.floor(math.log10(abs(value)))
    if magnitude < -4 or magnitude > 8:
        return f"{value:.{digits - 1}g}"
    decimals = max(0, digits - 1 - magnitude)
    text = f"{value:,.{decimals}f}"
    return text.rstrip("0").rstrip(".") if "." in text else text


def quantity(value: float | None, unit: str) -> str:
    """One value with its unit; a dash where there is none."""
    if value is None or not math.isfinite(value):
        return NOTHING
    factor, name = scale(unit, abs(value))
    number = significant(value * factor)
    if number == "0":
        name = "s" if unit == "s" else name
    return f"{number}{name}" if name.startswith("/") or not name else f"{number}{SPACE}{name}"


def moment(value_s: float | None, end_s: float = 0.0) -> str:
    """A scenario time such as `240 s`; to the minute or hour where it, or the recording's end, is late.

    `8h20m`, and `32m` beside it; `5d3h`, and `8h` beside it, as commands tell and take them. Less than a minute stays
    in seconds.
    """
    if value_s is None:
        return NOTHING
    longest_s = max(abs(value_s), end_s)
    if longest_s < LONG_S or abs(value_s) < MINUTE_S:
        return f"{significant(value_s, 5)}{SPACE}s"
    in_days = longest_s >= DAYS_FROM_S and abs(value_s) >= HOUR_S
    step_s = HOUR_S if in_days else MINUTE_S
    return compact_duration(round(value_s / step_s) * step_s)


class Times(NamedTuple):
    """How times of a recording of this length are told: by its system's calendar, where it has one."""

    end_s: float
    calendar: Calendar | None = None

    def told(self, at_s: float | None) -> str:
        """A scenario time; a dash where there is none."""
        if at_s is None or self.calendar is None:
            return moment(at_s, self.end_s)
        return self.calendar.label(at_s)

    def span(self, from_s: float, until_s: float) -> str:
        """From one time to another."""
        if self.calendar is not None and until_s >= self.end_s:
            return f"{self.told(from_s)} to the end"
        return f"{self.told(from_s)} to {self.told(until_s)}"


def long_times_told(text: str, end_s: float = 0.0) -> str:
    """A text in which times such as `28800–32820 s` are told as `moment` tells them."""

    def told(found: re.Match[str]) -> str:
        if max(float(found[found.lastindex or 1]), end_s) < LONG_S:
            return found[0]
        return "–".join(moment(float(part), end_s) for part in found.groups() if part)

    return _IN_SECONDS.sub(told, text)


def time_unit(end_s: float) -> Scale:
    """The unit in which times of a recording of this length are labelled on an axis."""
    if end_s < LONG_S:
        return Scale(1.0, "s")
    return Scale(1 / HOUR_S, "h") if end_s < DAYS_FROM_S else Scale(1 / DAY_S, "d")


def unbroken(text: str) -> Markup:
    """Text as HTML in which names break after `_` and `.`, links' names such as `features->db` nowhere."""
    broken = _JOINT.sub(r"\g<0><wbr>", str(escape(text)))
    return Markup(_LINK.sub(r'<span class="link">\g<0></span>', broken))


def shortened(text: str, length: int) -> str:
    """Text of at most `length` characters, an ellipsis marking what was cut."""
    return text if len(text) <= length else text[: length - 1].rstrip() + "…"


def done_text(action: Mapping[str, Any], title: str = "") -> str:
    """What somebody did, as `restart: db`, by the remedy's name or its title: what it set follows, if anything."""
    value = "" if action.get("value") is None else f" = {action['value']}"
    return f"{title or action['remedy']}: {action['place']}{value}"

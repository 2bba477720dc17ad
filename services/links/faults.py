"""What can be wrong with a link, and what that means for one direction of one connection. Pure: no I/O, no clock."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import MISSING, Field, asdict, dataclass, field, fields
from random import Random
from typing import Any, ClassVar, Literal

from lab.agreed.links import MAX_BYTES_PER_S, MAX_DELAY_S, MIN_BYTES_PER_S

Direction = Literal["request", "response"]
DIRECTIONS: tuple[Direction, ...] = ("request", "response")


class FaultError(ValueError):
    """A fault's values are not usable; the message says which and what was expected."""


def _between(low: float, high: float, default: float | None = None) -> Any:
    limits = {"low": low, "high": high}
    return field(metadata=limits) if default is None else field(default=default, metadata=limits)


@dataclass(frozen=True, slots=True)
class Cut:
    """Loses everything, in one direction or both; or, with a smaller fraction, a share of the messages on the way.

    A message that is lost takes the rest of its connection along, until the client gives it up and opens another. Were
    it a fixed share of the connections, a pool would soon hold the spared ones only, and the fault be over.
    """

    kind: ClassVar[str] = "cut"
    direction: str = "both"
    fraction: float = _between(0, 1, 1.0)


@dataclass(frozen=True, slots=True)
class Delay:
    """Adds latency, normally distributed with jitter as its deviation, on a share of the connections.

    On the way there only by default: a call is late by the latency once, as in the simulator.
    """

    kind: ClassVar[str] = "delay"
    latency_s: float = _between(0, MAX_DELAY_S)
    jitter_s: float = _between(0, MAX_DELAY_S, 0.0)
    fraction: float = _between(0, 1, 1.0)
    direction: str = "request"


@dataclass(frozen=True, slots=True)
class Drop:
    """Makes a share of the chunks, and what follows them, wait a retransmission timeout; nothing is lost.

    On the way there only by default, as `Delay`.
    """

    kind: ClassVar[str] = "drop"
    fraction: float = _between(0, 1)
    timeout_s: float = _between(0, 60, 0.2)
    direction: str = "request"


@dataclass(frozen=True, slots=True)
class Reset:
    """Makes each chunk on the way there reset its connection with this probability.

    As with `Cut`, a fixed share of the connections would soon be no share of the calls.
    """

    kind: ClassVar[str] = "reset"
    fraction: float = _between(0, 1)


@dataclass(frozen=True, slots=True)
class Throttle:
    """Limits the link: all its connections share the rate in turns, and so do the two directions."""

    kind: ClassVar[str] = "throttle"
    bytes_per_s: float = _between(MIN_BYTES_PER_S, MAX_BYTES_PER_S)
    direction: str = "both"


Fault = Cut | Delay | Drop | Reset | Throttle
FAULTS: Mapping[str, type[Fault]] = {cls.kind: cls for cls in (Cut, Delay, Drop, Reset, Throttle)}


def parse_fault(kind: str, values: Mapping[str, Any]) -> Fault:
    """The fault of this kind with these values. FaultError on unknown kinds or keys, missing or impossible values."""
    if kind not in FAULTS:
        raise FaultError(f"unknown fault {kind!r}, expected one of {', '.join(FAULTS)}")
    known = {item.name: item for item in fields(FAULTS[kind])}
    for key in values:
        if key not in known:
            raise FaultError(f"unknown key {key!r} for {kind}, expected {', '.join(known)}")
    for name, item in known.items():
        if name not in values and item.default is MISSING:
            raise FaultError(f"{kind} needs {name!r}")
    return FAULTS[kind](**{key: _checked(known[key], value) for key, value in values.items()})


def _checked(item: Field[Any], value: Any) -> Any:
    if item.name == "direction":
        if value not in ("both", *DIRECTIONS):
            raise FaultError(f"direction: expected both, request or response, got {value!r}")
        return value
    return number(item.name, value, item.metadata["low"], item.metadata["high"])


def number(name: str, value: Any, low: float, high: float) -> float:
    """The value as a float; FaultError unless it is a JSON number from `low` to `high`."""
    is_number = isinstance(value, int | float) and not isinstance(value, bool)
    if not is_number or not low <= value <= high:  # which NaN is not
        raise FaultError(f"{name}: expected a number from {low:.10g} to {high:.10g}, got {value!r}")
    return float(value)


def values(fault: Fault) -> dict[str, Any]:
    """The fault's values as the API takes them."""
    return asdict(fault)


@dataclass(frozen=True, slots=True)
class LanePlan:
    """What the faults of a link do to one direction of one connection."""

    cut: float = 0.0
    """Share of the messages that are lost, with all that follows them; from 1 on nothing passes, not even a FIN."""
    reset: Reset | None = None
    delay: Delay | None = None
    drop: Drop | None = None
    throttle: Throttle | None = None

    @property
    def passes_nothing(self) -> bool:
        return self.cut >= 1

    def loses(self, random: Random) -> bool:
        """True when the next message is lost; a new draw each time."""
        return self.passes_nothing or (self.cut > 0 and random.random() < self.cut)

    def resets(self, random: Random) -> bool:
        """True when the next chunk resets the connection; a new draw each time."""
        return self.reset is not None and random.random() < self.reset.fraction

    def wait_s(self, random: Random) -> float:
        """How long the next chunk is under way; a new draw each time."""
        wait_s = 0.0
        if self.delay:
            wait_s = max(0.0, random.gauss(self.delay.latency_s, self.delay.jitter_s))
        if self.drop and random.random() < self.drop.fraction:
            wait_s += self.drop.timeout_s
        return wait_s


UNDISTURBED = LanePlan()


def plan_lane(faults: Mapping[str, Fault], draws: Mapping[str, float], direction: Direction) -> LanePlan:
    """The plan for one direction of a connection.

    `draws` holds the connection's own number in [0, 1) for each kind that concerns a share of the connections: it is
    concerned when that is below the fault's fraction, so it stays chosen, or not, as long as the fraction is the same.
    """
    active: dict[str, Any] = {}
    for kind, fault in faults.items():
        fault_direction = "request" if isinstance(fault, Reset) else fault.direction
        if isinstance(fault, Cut) and fault.fraction < 1 and fault.direction == "both":
            fault_direction = "request"  # one draw a call: who was not asked does not answer
        if fault_direction not in ("both", direction):
            continue
        if isinstance(fault, Delay) and draws[kind] >= fault.fraction:
            continue
        if isinstance(fault, Cut) and fault.fraction == 0:
            continue
        active[kind] = fault.fraction if isinstance(fault, Cut) else fault
    return LanePlan(**active) if active else UNDISTURBED

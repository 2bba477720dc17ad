"""The users of the stack, simulated by the load: reads and changes their settings."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from lab.agreed import leases, ports
from lab.injection.levers import Place, PopulationBots, PopulationSurge, PopulationTastes
from lab.testbeds.stack.compose import Compose, StackError
from lab.testbeds.stack.http import call


class Load:
    """The load of a stack. `now_s` gives scenario seconds; further arrivals are named by when they begin."""

    def __init__(self, compose: Compose, token: str, now_s: Callable[[], float]) -> None:
        self._compose = compose
        self._token = token
        self._now_s = now_s

    def _call(self, method: str, path: str, body: Any = None) -> Any:
        return call(method, f"{self._compose.url('load', ports.LOAD)}{path}", body, self._token)

    def read_tastes(self, place: Place) -> PopulationTastes | None:
        fraction = self._call("GET", "/tastes")["fraction"]
        return None if fraction is None else PopulationTastes(fraction=float(fraction))

    def write_tastes(self, place: Place, value: PopulationTastes | None) -> None:
        """Sets them with a lease; StackError where there are nobody comes, for no run is under way."""
        wanted = value.fraction if value else None
        if self._call("PUT", "/tastes", {"fraction": wanted, "lease_s": leases.LEASE_S})["fraction"] != wanted:
            raise StackError("tastes are those of people who come, and the load has none: no run is under way")

    def read_surge(self, place: Place) -> PopulationSurge | None:
        rate = self._call("GET", "/surges")["surge"]
        return None if rate is None else PopulationSurge(rate_per_s=float(rate))

    def write_surge(self, place: Place, value: PopulationSurge | None) -> None:
        self._arrive("surge", value.rate_per_s if value else None)

    def read_bots(self, place: Place) -> PopulationBots | None:
        rate = self._call("GET", "/surges")["bots"]
        return None if rate is None else PopulationBots(rate_per_s=float(rate))

    def write_bots(self, place: Place, value: PopulationBots | None) -> None:
        self._arrive("bots", value.rate_per_s if value else None)

    def _arrive(self, kind: str, rate_per_s: float | None) -> None:
        self._call("POST", "/surges", {"kind": kind, "rate_per_s": rate_per_s, "at_s": max(0.0, self._now_s())})

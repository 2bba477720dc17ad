"""Renews the leases of pulled levers, in its own thread; a lever whose lease ends reverts by itself."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from lab.agreed import leases
from lab.errors import LabError
from lab.injection.levers import LeverValue

RENEW_EVERY_S = leases.LEASE_S / 4


@dataclass
class _Lease:
    lever: type[LeverValue]
    value: LeverValue
    renewed_s: float


class Leases:
    """What to renew. `renew(lever, element, value)` is False when the lease had lapsed already.

    A lever is never renewed while it is being changed, and from then on only with the value it was changed to: nothing
    that goes back is pulled again.
    """

    def __init__(self, renew: Callable[[type[LeverValue], str, LeverValue], bool]) -> None:
        self.lapsed: list[str] = []
        self._renew = renew
        self._leases: dict[tuple[str, str], _Lease] = {}
        self._locks: dict[tuple[str, str], threading.Lock] = {}

    @contextmanager
    def changing(self, lever: type[LeverValue], element: str, value: LeverValue | None) -> Iterator[None]:
        """Around the change of a lever to this value; where the change fails, it is not renewed any more."""
        key = (lever.name, element)
        with self._locks.setdefault(key, threading.Lock()):
            lease = self._leases.pop(key, None)
            if lease is not None and time.monotonic() - lease.renewed_s > leases.LEASE_S:
                self._lapse(key)
            yield
            if value is not None:
                self._leases[key] = _Lease(lever, value, time.monotonic())

    @contextmanager
    def renewing(self) -> Iterator[None]:
        """Renews in the background."""
        stop = threading.Event()

        def work() -> None:
            while not stop.wait(RENEW_EVERY_S):
                self.renew_all()

        thread = threading.Thread(target=work, name="leases", daemon=True)
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join()

    def renew_all(self) -> None:
        """Renews everything once, but what is being changed at the moment."""
        for key in list(self._leases):
            lock = self._locks[key]
            if lock.acquire(blocking=False):
                try:
                    self._renew_one(key)
                finally:
                    lock.release()

    def _renew_one(self, key: tuple[str, str]) -> None:
        lease = self._leases.get(key)
        if lease is None:
            return
        try:
            alive = self._renew(lease.lever, key[1], lease.value)
        except (LabError, OSError):
            return  # it may be reachable in time yet; if not, the lease is found lapsed later
        if alive:
            lease.renewed_s = time.monotonic()
        else:
            self._leases.pop(key)
            self._lapse(key)

    def _lapse(self, key: tuple[str, str]) -> None:
        lever, element = key
        self.lapsed.append(f"{lever} of {element}")

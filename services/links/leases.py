"""Which faults are active on which link, until when: a fault not renewed ends. Pure: times are arguments."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

from .faults import Fault


@dataclass(frozen=True, slots=True)
class Lease:
    """An active fault; `expires_s` is on the caller's clock."""

    fault: Fault
    lease_s: float
    expires_s: float


class LeaseTable:
    """At most one fault of each kind per link, each with its lease."""

    def __init__(self) -> None:
        self._leases: dict[tuple[str, str], Lease] = {}

    def put(self, link: str, fault: Fault, lease_s: float, now_s: float) -> None:
        """Sets the link's fault of this kind, replacing an earlier one."""
        self._leases[link, fault.kind] = Lease(fault, lease_s, now_s + lease_s)

    def remove(self, link: str, kind: str) -> bool:
        """Ends a fault; False when there was none."""
        return self._leases.pop((link, kind), None) is not None

    def renew(self, now_s: float, link: str | None = None, kind: str | None = None) -> int:
        """Starts the leases again, of all faults or of the named link and kind; returns how many there were."""
        chosen = [key for key in self._leases if link in (None, key[0]) and kind in (None, key[1])]
        for key in chosen:
            lease = self._leases[key]
            self._leases[key] = replace(lease, expires_s=now_s + lease.lease_s)
        return len(chosen)

    def expired(self, now_s: float) -> list[tuple[str, str]]:
        """The (link, kind) of every fault whose lease is over."""
        return [key for key, lease in self._leases.items() if lease.expires_s <= now_s]

    def next_expiry_s(self) -> float | None:
        """When the first lease ends; None without faults."""
        return min((lease.expires_s for lease in self._leases.values()), default=None)

    def active(self) -> list[tuple[str, str]]:
        """The (link, kind) of every fault."""
        return list(self._leases)

    def of_link(self, link: str) -> Mapping[str, Lease]:
        """The link's leases by kind."""
        return {kind: lease for (name, kind), lease in self._leases.items() if name == link}

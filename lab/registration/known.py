"""What the core and the installed worlds have together."""

from __future__ import annotations

from collections.abc import Iterator

from lab.errors import Problem, UserError
from lab.registration.slis import CORE_SLIS, Sli
from lab.registration.world import registration_of, registrations


def slis_of(world: str | None) -> dict[str, Sli]:
    """The SLIs of a system with this world, by name: the core's, then the world's; the core's where it has none."""
    found = registration_of(world) if world is not None else None
    return {sli.name: sli for sli in (*CORE_SLIS, *(found.slis if found else ()))}


def known_slis() -> dict[str, Sli]:
    """All SLIs that a file may name, by name.

    UserError where two worlds give one name different units: what a limit in a file means would depend on more than
    the file.
    """
    found: dict[str, tuple[Sli, str]] = {}
    for owner, sli in _all_slis():
        first, other = found.setdefault(sli.name, (sli, owner))
        if first.unit != sli.unit or (other == _CORE and sli is not first):
            seen = f"{first.unit} of {other}; {sli.unit} of {owner}"
            hint = "ask the author of the world for another name"
            raise UserError(Problem(f"two SLIs are called {sli.name!r}", seen=seen, expected="one", hint=hint))
    return {name: sli for name, (sli, _) in found.items()}


_CORE = "the core"


def _all_slis() -> Iterator[tuple[str, Sli]]:
    yield from ((_CORE, sli) for sli in CORE_SLIS)
    for world in registrations():
        yield from ((f"world {world.name!r}", sli) for sli in world.slis)

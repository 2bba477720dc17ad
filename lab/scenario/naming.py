"""How scenarios are told apart that are run or shown together: by name, and by system where two of them share it."""

from __future__ import annotations

from collections.abc import Iterable


def namesakes(known: Iterable[tuple[str, str]]) -> frozenset[str]:
    """The names that scenarios of several systems have; `known` holds the system and the name of each scenario."""
    systems: dict[str, set[str]] = {}
    for system, name in known:
        systems.setdefault(name, set()).add(system)
    return frozenset(name for name, found in systems.items() if len(found) > 1)


def told_apart(system: str, name: str, shared: frozenset[str]) -> str:
    """`SYSTEM/NAME` where another system has a scenario of this name too, else the name."""
    return f"{system}/{name}" if name in shared else name

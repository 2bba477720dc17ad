"""Which elements of a system have which levers: the same on every testbed."""

from __future__ import annotations

from collections.abc import Mapping

from lab.errors import UserError, nearest
from lab.topology import System

_PROCESSES = frozenset({"service", "database", "cache", "model", "job"})
# The first word of a lever's name decides which elements have it.
_ELEMENT_KINDS: Mapping[str, frozenset[str]] = {
    "link": frozenset({"link"}),
    "component": _PROCESSES,
    "table": frozenset({"database"}),
    "feed": frozenset({"job"}),
    "cache": frozenset({"cache"}),
    "model": frozenset({"model"}),
    "config": _PROCESSES,
    "population": frozenset({"users"}),
    "changes": _PROCESSES | {"users"},
}


def check_element(system: System, lever: str, element: str, known: Mapping[str, str]) -> None:
    """UserError with the nearest name where `lever` is not among the known ones or the system has no such element."""
    if lever not in known:
        raise UserError(f"unknown lever {lever!r}; {nearest(lever, known)}")
    family = lever.split(".", maxsplit=1)[0]
    name, table = _split(family, element)
    kinds = system.elements()
    if name not in kinds:
        raise UserError(f"{lever} on {element!r}: {system.name!r} has no {name!r}; {nearest(name, kinds)}")
    if kinds[name] not in _ELEMENT_KINDS[family]:
        fitting = " or ".join(sorted(_ELEMENT_KINDS[family]))
        raise UserError(f"{lever} on {element!r}: {name!r} is of kind {kinds[name]}, not {fitting}")
    if family == "table" and table not in system.components[name].tables:
        tables = system.components[name].tables
        raise UserError(f"{lever} on {element!r}: {name!r} has no table {table!r}; {nearest(table, tables)}")


def _split(family: str, element: str) -> tuple[str, str]:
    """The element of the system that a lever's element belongs to, and the table where there is one."""
    if family == "table":
        component, _, table = element.partition("/")
        return component, table.split(".")[0]
    if family == "config":
        return element.partition("/")[0], ""
    if family == "population":
        return element.partition(".")[0], ""
    return element, ""

"""Which elements of a system have which levers: the same on every testbed."""

from __future__ import annotations

from collections.abc import Mapping

from lab.errors import ParameterError, Problem, UserError, nearest
from lab.injection.levers import ACTS, LEVERS
from lab.systems.topology import System

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
CONTENT = frozenset({"table.column", "population.shift", "population.tastes"}) | {
    lever for lever in (*LEVERS, *ACTS) if lever.split(".")[0] in ("cache", "model")
}
"""Levers and acts on what a world keeps; a system without a world has nothing for them to act on."""


def check_element(system: System, lever: str, element: str, known: Mapping[str, str]) -> None:
    """UserError with the nearest name where `lever` is not among the known ones or the system has no such element."""
    if lever not in known:
        raise UserError(Problem(f"unknown lever {lever!r}", hint=nearest(lever, known)))
    family = lever.split(".", maxsplit=1)[0]
    name, table = _split(family, element)
    kinds = system.elements()
    where = f"{lever} on {element!r}"
    if name not in kinds:
        raise UserError(Problem(f"{where}: {system.name!r} has no {name!r}", hint=nearest(name, kinds)))
    if kinds[name] not in _ELEMENT_KINDS[family]:
        fitting = " or ".join(sorted(_ELEMENT_KINDS[family]))
        raise UserError(f"{where}: {name!r} is of kind {kinds[name]}, not {fitting}")
    if family == "table" and table not in system.components[name].tables:
        hint = nearest(table, system.components[name].tables) or "it has no tables"
        raise ParameterError("table", Problem(f"{name!r} has no table {table!r}", hint=hint))
    if lever in CONTENT and system.world is None:
        raise UserError(f"{where} acts on content, and system {system.name!r} has no world")


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

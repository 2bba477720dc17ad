"""What a cause is tried on: the elements of a recording's system, or the columns of its contract, by bound names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.engines.rules.trace import Names
from lab.engines.rules.tree import Cause
from lab.recording.observed import Observed


def bindings(cause: Cause, observed: Observed) -> Iterator[Names]:
    """The names that are bound for each element that the cause is about."""
    system = observed.system
    contract = observed.reference.get("contract.json", {})
    entry, users = system["entry"] or "", system["users"]
    entry_link = f"{users}->{entry}" if users else ""
    common = {"entry": entry, "entry_link": entry_link, "store": str(contract.get("component", ""))}
    if cause.each in ("link", "connections"):
        for link in system["links"] if cause.each == "link" else _links_with_pools(system):
            caller, callee = link.split("->")
            yield {**common, "link": link, "caller": caller, "callee": callee}
    elif cause.each == "column":
        for feature in contract.get("features", []):
            if cause.derived is None or cause.derived == bool(feature.get("derived_from")):
                store = str(feature.get("component", common["store"]))
                yield {**common, "column": feature["name"], "store": store}
    else:
        kinds = {cause.each} if isinstance(cause.each, str) else set(cause.each)
        for name, component in system["components"].items():
            if component["kind"] in kinds or ("threads" in kinds and "handling" in component):
                yield {**common, "component": name}


def _links_with_pools(system: Mapping[str, Any]) -> Iterator[str]:
    """The links whose calls, or some of them, need a connection."""
    for link, path in system["links"].items():
        caller, callee = link.split("->")
        steps = system["components"][caller].get("steps", ())
        if path.get("pool") or any(step.get("call") == callee and step.get("pool") for step in steps):
            yield link

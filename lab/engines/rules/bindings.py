"""What a cause is tried on: elements of a recording's system, columns of its contract, datasets, by bound names."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from lab.engines.rules.names import OF_DATASETS, Several, named_in
from lab.engines.rules.trace import Names
from lab.engines.rules.tree import Cause
from lab.recording.observed import Observed
from lab.signals.lineage import Lineage


def bindings(cause: Cause, observed: Observed, lineage: Lineage) -> Iterator[Names]:
    """The names that are bound for each element that the cause is about. `lineage`: of the recording."""
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
    elif cause.each in ("dataset", "dataset_column"):
        for names in _of_datasets(lineage, with_columns=cause.each == "dataset_column"):
            if all(names[name] for name in _needed(cause)):
                yield {**common, **names}
    else:
        kinds = {cause.each} if isinstance(cause.each, str) else set(cause.each)
        for name, component in system["components"].items():
            if component["kind"] in kinds or ("threads" in kinds and "handling" in component):
                needs = {"need": Several(component.get("needs", ()))} if cause.each == "job" else {}
                yield {**common, "component": name, **needs}


def _of_datasets(lineage: Lineage, *, with_columns: bool) -> Iterator[dict[str, str]]:
    for dataset in lineage.datasets:
        names: dict[str, str] = {
            "dataset": dataset,
            "job": lineage.writer(dataset),
            "source": lineage.source(dataset),
            "input": Several(lineage.inputs(dataset)),
            "output": Several(lineage.outputs(dataset)),
        }
        if not with_columns:
            yield names
        for column in lineage.columns.get(dataset, ()) if with_columns else ():
            yield {**names, "column": column}


def _needed(cause: Cause) -> set[str]:
    """Names that have to stand for something: what is blamed, and what has to have moved, or not."""
    texts = [cause.culprit, *(condition.of for condition in cause.when)]
    return {name for text in texts for name in named_in(text) if name in OF_DATASETS}


def _links_with_pools(system: Mapping[str, Any]) -> Iterator[str]:
    """The links whose calls, or some of them, need a connection."""
    for link, path in system["links"].items():
        caller, callee = link.split("->")
        steps = system["components"][caller].get("steps", ())
        if path.get("pool") or any(step.get("call") == callee and step.get("pool") for step in steps):
            yield link

"""The shapes of a recording's JSON files, as far as anything in the lab relies on them; more keys are left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lab.contracts import Boundary
from lab.systems.observability import Observability

MAX_INTERVALS = 1_000_000
"""Scrape intervals in one recording; signals hold a number for each."""

Time = Annotated[float, Field(ge=-1e9, le=1e9)]
Number = Annotated[float, Field(ge=-1e300, le=1e300)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
Element = Annotated[str, Field(min_length=1, max_length=200)]
Link = Annotated[str, Field(pattern=r"^[^>]+->[^>]+$", max_length=200)]


class _Open(BaseModel):
    """An object that may have more keys than the lab reads. Nothing is converted: text is no number."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Scenario(_Open):
    name: Element
    title: str
    text: str
    reference: str


class _Grading(_Open):
    model_config = ConfigDict(extra="forbid")

    top_k: Annotated[int, Field(ge=1)]
    onset_within_s: Annotated[float, Field(ge=0, le=1e9)]


class _Stage(_Open):
    for_s: Annotated[float, Field(ge=0, le=1e9)]
    rate_per_s: Annotated[float, Field(ge=0, le=1e9)]


class _Run(_Open):
    schema_version: Literal[1]
    lab_version: str
    testbed: str
    seed: Annotated[int, Field(ge=0)]
    status: str
    scenario: _Scenario
    system: str
    load: list[_Stage]
    grading: _Grading
    neighbours: dict[str, list[str]]


class _Component(_Open):
    kind: str
    workers: Annotated[float, Field(ge=0, le=1e9)]


class _Slo(_Open):
    name: str
    sli: str
    above: Number | None = None
    below: Number | None = None


class _System(_Open):
    duration_s: Positive
    scrape_interval_s: Positive
    observability: Observability = "usual"
    users: Element
    entry: Element
    components: dict[Element, _Component]
    links: dict[Link, Any]
    slos: list[_Slo]


class _Change(_Open):
    time_s: Time
    kind: str
    service: str = Field(alias="service.name")
    summary: str


class _Alert(_Open):
    time_s: Time
    slo: str
    service: str = Field(alias="service.name")
    state: str
    value: Number


class _Event(_Open):
    time_s: Time
    event: str


class _Witness(_Open):
    signal: str
    subject: str
    shown: bool


class _Fault(_Open):
    id: str
    kind: str
    culprit: Element
    boundary: str
    injected_s: Time
    reverted_s: Time
    witnessed_s: Time | None
    parameters: dict[str, Any]
    witnesses: list[_Witness]


class _Decoy(_Open):
    id: str
    kind: str
    element: Element
    at_s: Time


class _Degraded(_Open):
    element: Element
    users: Element
    slos: list[str]


class _Truth(_Open):
    schema_version: Literal[1]
    faults: list[_Fault]
    decoys: list[_Decoy]
    degraded: _Degraded | None = None


class _Effect(_Open):
    signal: str
    subject: str
    during: Number | None = Field(alias="with")
    without: Number | None
    size: Number | None = None


class _Feature(_Open):
    name: str


class _Contract(_Open):
    component: str
    features: list[_Feature]
    inputs: list[str]
    label_window_s: Positive | None = None


class _Model(_Open):
    version: int
    standardize_mean: list[Number]
    standardize_scale: list[Positive]
    weights: list[Number]
    intercept: Number


SHAPES: Mapping[str, TypeAdapter[Any]] = {
    "run.json": TypeAdapter(_Run),
    "events.jsonl": TypeAdapter(_Event),
    "observed/system.json": TypeAdapter(_System),
    "observed/changes.jsonl": TypeAdapter(_Change),
    "observed/alerts.jsonl": TypeAdapter(_Alert),
    "observed/reference/contract.json": TypeAdapter(_Contract),
    "observed/reference/registry.json": TypeAdapter(list[_Model]),
    "truth/faults.json": TypeAdapter(_Truth),
    "truth/effects.json": TypeAdapter(dict[str, list[_Effect]]),
}
"""The shape of each JSON file by its name in the recording; of a `.jsonl` file, that of each line."""


def consequence(name: str, content: Any, run: Mapping[str, Any]) -> str:
    """What is wrong with the content of a file of the right shape; empty if nothing is. `run`: all contents by name."""
    if name == "observed/system.json":
        return _system(content)
    if name == "truth/faults.json":
        return _truth(content)
    if name == "observed/reference/registry.json":
        return _registry(content, run.get("observed/reference/contract.json"))
    return ""


def _system(system: Mapping[str, Any]) -> str:
    if system["duration_s"] / system["scrape_interval_s"] > MAX_INTERVALS:
        return f"more than {MAX_INTERVALS} scrape intervals"
    named = {"users": system["users"], "entry": system["entry"]}
    for link in system["links"]:
        named[f"the caller of {link}"], named[f"the callee of {link}"] = link.split("->")
    for what, name in named.items():
        if name not in system["components"]:
            return f"{what} is {name!r}, which is not a component"
    return ""


def _truth(truth: Mapping[str, Any]) -> str:
    for fault in truth["faults"]:
        if fault["boundary"] not in set(Boundary):
            known = ", ".join(Boundary)
            return f"fault {fault['id']!r} has the boundary {fault['boundary']!r}, expected one of {known}"
        if fault["reverted_s"] < fault["injected_s"]:
            return f"fault {fault['id']!r} is reverted before it is injected"
    return ""


def _registry(models: list[dict[str, Any]], contract: Mapping[str, Any] | None) -> str:
    for model in models:
        sizes = {len(model[key]) for key in ("standardize_mean", "standardize_scale", "weights")}
        if contract is not None:
            sizes.add(len(contract["inputs"]))
        if len(sizes) > 1:
            return f"model version {model['version']} does not have one mean, scale and weight for each input"
    return ""

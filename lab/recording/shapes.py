"""The shapes of a recording's JSON files, as far as anything in the lab relies on them; more keys are left alone."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter

from lab.contracts import Boundary
from lab.registration.observability import Observability
from lab.systems.topology import FirstDay, PeriodWord, Zone

MAX_INTERVALS = 1_000_000
"""Scrape intervals in one recording; signals hold a number for each."""

Time = Annotated[float, Field(ge=-1e9, le=1e9)]
Number = Annotated[float, Field(ge=-1e300, le=1e300)]
Positive = Annotated[float, Field(gt=0, le=1e9)]
Element = Annotated[str, Field(min_length=1, max_length=200)]
Link = Annotated[str, Field(pattern=r"^[^>]+->[^>]+$", max_length=200)]


class Open(BaseModel):
    """An object that may have more keys than the lab reads. Nothing is converted: text is no number."""

    model_config = ConfigDict(extra="allow", strict=True)


class _Scenario(Open):
    name: Element
    title: str
    text: str
    reference: str


class _Grading(Open):
    model_config = ConfigDict(extra="forbid")

    top_k: Annotated[int, Field(ge=1)]
    onset_within_s: Annotated[float, Field(ge=0, le=1e9)]
    period: PeriodWord | Literal[""] = ""
    period_s: Annotated[float, Field(ge=0, le=1e9)] = 0.0


class _Stage(Open):
    for_s: Annotated[float, Field(ge=0, le=1e9)]
    rate_per_s: Annotated[float, Field(ge=0, le=1e9)]


class _Action(Open):
    at_s: Time
    remedy: str
    place: str


class _Run(Open):
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
    actions: list[_Action] = []


class _Pool(Open):
    size: Annotated[int, Field(ge=0, le=10**9)]


class _Step(Open):
    name: str
    run: str | None
    when: dict[str, Number | None] | None = None
    pool: _Pool | None = None


class _Component(Open):
    kind: str
    workers: Annotated[float, Field(ge=0, le=1e9)]
    period_s: Annotated[float, Field(ge=0, le=1e9)]
    steps: list[_Step]


class _Link(Open):
    pool: _Pool | None = None


class _Slo(Open):
    name: str
    sli: str
    above: Number | None = None
    below: Number | None = None


class _Calendar(Open):
    begins: FirstDay
    zone: Zone
    period: PeriodWord


class _System(Open):
    name: Element
    world: Element | None
    duration_s: Positive
    scrape_interval_s: Positive
    time_scale: Positive = 1.0
    observability: Observability = "usual"
    users: Element | None
    entry: Element | None
    components: dict[Element, _Component]
    links: dict[Link, _Link]
    slos: list[_Slo]
    calendar: _Calendar | None = None


class _Change(Open):
    time_s: Time
    kind: str
    service: str = Field(alias="service.name")
    summary: str


class _Alert(Open):
    time_s: Time
    slo: str
    service: str = Field(alias="service.name")
    state: str
    value: Number


class _Named(Open):
    namespace: str
    name: Element


class _VersionFacet(Open):
    version: str = Field(alias="datasetVersion")


class _Facets(Open):
    version: _VersionFacet | None = None


class _LineageDataset(_Named):
    facets: _Facets | None = None


class _LineageRun(Open):
    run_id: Annotated[str, Field(alias="runId", pattern=r"^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$")]


class _Lineage(Open):
    time_s: Time
    event_type: str = Field(alias="eventType")
    event_time: str = Field(alias="eventTime")
    run: _LineageRun
    job: _Named
    inputs: list[_LineageDataset]
    outputs: list[_LineageDataset]


class _Event(Open):
    time_s: Time
    event: str


class _Witness(Open):
    signal: str
    subject: str
    shown: bool


class _Fault(Open):
    id: str
    kind: str
    culprit: Element
    boundary: str
    injected_s: Time
    reverted_s: Time
    witnessed_s: Time | None
    parameters: dict[str, Any]
    witnesses: list[_Witness]


class _Decoy(Open):
    id: str
    kind: str
    element: Element
    at_s: Time


class _Degraded(Open):
    element: Element
    users: Element
    slos: list[str]


class _Truth(Open):
    schema_version: Literal[1]
    faults: list[_Fault]
    decoys: list[_Decoy]
    degraded: _Degraded | None = None


class _Effect(Open):
    signal: str
    subject: str
    during: Number | None = Field(alias="with")
    without: Number | None
    size: Number | None = None


class _Course(Open):
    signal: str
    subject: str
    without: list[Number | None]


SHAPES: Mapping[str, TypeAdapter[Any]] = {
    "run.json": TypeAdapter(_Run),
    "events.jsonl": TypeAdapter(_Event),
    "observed/system.json": TypeAdapter(_System),
    "observed/changes.jsonl": TypeAdapter(_Change),
    "observed/alerts.jsonl": TypeAdapter(_Alert),
    "observed/lineage.jsonl": TypeAdapter(_Lineage),
    "truth/faults.json": TypeAdapter(_Truth),
    "truth/effects.json": TypeAdapter(dict[str, list[_Effect]]),
    "truth/courses.json": TypeAdapter(dict[str, list[_Course]]),
}
"""The shape of each JSON file by its name in the recording; of a `.jsonl` file, that of each line."""


def consequence(name: str, content: Any) -> str:
    """What is wrong with the content of a file of the right shape; empty if nothing is."""
    if name == "run.json":
        grading = content["grading"]
        is_named, is_long = bool(grading.get("period")), grading.get("period_s", 0) > 0
        return "" if is_named == is_long else "grading: period and period_s go together"
    if name == "observed/system.json":
        return _system(content)
    if name == "truth/faults.json":
        return _truth(content)
    return ""


def _system(system: Mapping[str, Any]) -> str:
    if system["duration_s"] / system["scrape_interval_s"] > MAX_INTERVALS:
        return f"more than {MAX_INTERVALS} scrape intervals"
    named = {what: system[what] for what in ("users", "entry") if system[what] is not None}
    for link in system["links"]:
        named[f"the caller of {link}"], named[f"the callee of {link}"] = link.split("->")
    for what, name in named.items():
        if name not in system["components"]:
            return f"{what} is {name!r}, which is not a component"
    for name, component in system["components"].items():
        if component["kind"] == "job" and component["period_s"] == 0:
            return f"the job {name!r} has no period"
    if system.get("calendar") and not any(one["kind"] == "job" for one in system["components"].values()):
        return "it has a calendar and no job whose periods that would count"
    return ""


def _truth(truth: Mapping[str, Any]) -> str:
    for fault in truth["faults"]:
        if fault["boundary"] not in set(Boundary):
            known = ", ".join(Boundary)
            return f"fault {fault['id']!r} has the boundary {fault['boundary']!r}, expected one of {known}"
        if fault["reverted_s"] < fault["injected_s"]:
            return f"fault {fault['id']!r} is reverted before it is injected"
    return ""

"""Any lever, anywhere, with any value: a plan accepts what a run can do, and the run does as planned."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Literal, get_args, get_origin

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic.fields import FieldInfo

from lab.contracts import Boundary
from lab.errors import UserError
from lab.injection import faults
from lab.injection.levers import ActValue, Place, Record, Testbed, act_types, lever_types
from lab.runs.following import follow
from lab.scenario import LoadedScenario, load_scenario
from lab.scenario.plan import plan
from lab.systems.files import load_system
from lab.testbeds.installed import choose
from lab.testbeds.sim import SimTestbed
from lab.testbeds.sim.session import SimSession
from tests.fuzz_mutations import fuzzing
from tests.sim_runs import scenario, text

pytestmark = pytest.mark.slow

SYSTEM = load_system("recommender")
RECORDS: dict[str, type[Record]] = {
    name: record
    for name, record in {**lever_types(), **act_types()}.items()
    if any(True for _ in record.places(SYSTEM))
}
"""Those that have a place in this system: what only another world has is refused anywhere here."""
NUMBERS = [
    -1, 0, 1e-300, 1e-10, 6e-10, 0.001, 0.1, 0.5, 1, 1.0, 2, 2.5, 5, 6, 20, 100, 10_001, 86_400, 86_401, 1e7, 1e18,
    1e300, 10**30, float("nan"), float("inf"), True, "1s", None,
]  # fmt: skip
TEXTS = [
    "text",
    "integer",
    "age_years",
    "age_yeers",
    "next-window",
    "corrupted-labels",
    "next-windw",
    "",
    "X",
    "x" * 99,
]
WRONG_PARTS = ["", "users", "users.age_yeers", "steps.db_get.on_failure", "workers", "settings.ttl", "no/such"]
KINDS = "service|database|cache|model|job|users|link"


def pull_any(testbed: Testbed, element: str, *, lever: str, part: str = "", value: str = "{}") -> Iterator[None]:
    """Pulls the lever of this name, or does the act."""
    record, place = RECORDS[lever](**json.loads(value)), str(Place(element, part))
    if isinstance(record, ActValue):
        testbed.act(place, record)
        yield
    else:
        with testbed.pull(place, record):  # type: ignore[arg-type]
            yield


@pytest.fixture(scope="module", autouse=True)
def any_lever() -> Iterator[None]:
    """A fault of that name, for this module's tests."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faults, "_registered", dict(faults.fault_types()))
        shows = (faults.Witness("client_error_ratio", "*", 0.02),)
        faults.fault("any-lever", boundary=Boundary.SERVICE, target=KINDS, witnesses=shows, recovery_s=1)(pull_any)
        yield


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("levers")


@pytest.fixture(scope="module")
def at_rest(folder: Path) -> SimTestbed:
    """A simulated system to which nothing was done: what is refused changes nothing, so that it stays so."""
    return SimTestbed(scenario(folder, name="at-rest", duration_s=30, rate_per_s=5), 1)


def values_of(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Values of a field, most of them of its type, few of them sensible."""
    inner = next((one for one in get_args(field.annotation) if get_origin(one) is Literal), field.annotation)
    if get_origin(inner) is Literal:
        return st.sampled_from([*get_args(inner), "no-such"])
    return st.sampled_from(TEXTS if "str" in str(field.annotation) else NUMBERS)


@st.composite
def uses(draw: st.DrawFn) -> tuple[str, str, str, dict[str, Any]]:
    """(lever, element, part, values)"""
    record = RECORDS[draw(st.sampled_from(sorted(RECORDS)))]
    element, _, part = draw(st.sampled_from(list(record.places(SYSTEM)))).partition("/")
    if draw(st.integers(0, 9)) == 0:
        element, part = draw(st.sampled_from(list(SYSTEM.elements()))), draw(st.sampled_from(WRONG_PARTS))
    fields = record.model_fields.items()
    given = [name for name, field in fields if field.is_required() or draw(st.booleans())]
    return record.name, element, part, {name: draw(values_of(record.model_fields[name])) for name in given}


def accepted(folder: Path, use: tuple[str, str, str, dict[str, Any]]) -> LoadedScenario | None:
    """The scenario in which this is done, where the dry run accepts it on the simulator."""
    lever, element, part, values = use
    fault = {
        "id": "f1", "type": "any-lever", "target": element, "at": "12s", "for": "8s",
        "with": {"lever": lever, "part": part, "value": json.dumps(values)},
    }  # fmt: skip
    path = folder / "any.scenario.yaml"
    path.write_text(text(duration_s=30, rate_per_s=10, faults=[fault]), encoding="utf-8")
    try:
        loaded = load_scenario(path)
    except UserError as error:
        if "fails while it is planned" in str(error):  # by an exception that is nobody's message
            raise
        return None
    return None if choose("sim").problems(loaded) else loaded


@given(use=uses())
@fuzzing(150)
def test_a_plan_accepts_what_a_run_does_and_the_run_does_as_planned(
    folder: Path, at_rest: SimTestbed, use: tuple[str, str, str, dict[str, Any]]
) -> None:
    loaded = accepted(folder, use)
    if loaded is None:
        lever, element, part, values = use
        with pytest.raises(UserError):
            next(pull_any(at_rest, element, lever=lever, part=part, value=json.dumps(values)))
        return
    with SimSession(loaded, 1) as session:
        follow(session, loaded)
        recorded = session.finish()
    assert len(recorded.observed.frame("metrics"))
    words = {"applied": "pull", "reverted": "revert"}
    done = [
        (event["time_s"], words[event["event"]], event["lever"], event["element"], event["value"])
        for event in recorded.events
        if event["event"] in words
    ]
    planned = [one.to_json() for one in plan(loaded).timeline if one.event != "act"]
    assert done == [(one["at_s"], one["event"], one["lever"], one["element"], one["value"]) for one in planned]

"""How many calls a request can lead to: counted over the call graph, and limited where a system is read."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from lab.errors import Problem, UserError
from lab.systems.amounts import MAX_ATTEMPTS, MAX_CALLS, Call, calls_of_a_visit, shown_count
from lab.systems.files import load_system

Plans = dict[str, list[Call]]


@st.composite
def call_graphs(draw: st.DrawFn) -> Plans:
    """A few components, each of which may call those after it, several times too."""
    names = [f"c{i}" for i in range(draw(st.integers(1, 5)))]
    attempts = st.integers(1, 3)
    return {
        name: [Call(*call) for call in draw(st.lists(st.tuples(st.sampled_from(after), attempts), max_size=3))]
        if (after := names[i + 1 :])
        else []
        for i, name in enumerate(names)
    }


def visits(plans: Plans, name: str) -> int:
    """The calls of one visit, made one by one."""
    return sum(1 + visits(plans, call.callee) for call in plans[name] for _ in range(call.attempts))


@given(call_graphs())
def test_the_count_is_that_of_all_calls_made_one_by_one(plans: Plans) -> None:
    assert calls_of_a_visit(plans) == {name: visits(plans, name) for name in plans}


def test_calls_in_a_circle_have_no_count() -> None:
    assert calls_of_a_visit({"a": [Call("b", 1)], "b": [Call("a", 1)]}) == {}


def test_a_count_beyond_counting_is_shown_by_its_magnitude() -> None:
    assert [shown_count(n) for n in (12_345, 360**499)] == ["12,345", "about 10^1275"]


def system(widths: list[int], retries: int = 0, caller: str = "people") -> dict[str, Any]:
    """A component below another, each of which calls the next so many times; a job may lead into them beside people."""
    parts: dict[str, Any] = {"people": {"kind": "users", "steps": [{"name": "visit", "call": "c0"}]}}
    links = ["people->c0"]
    for i, width in enumerate(widths):
        steps = [{"name": f"s{j}", "call": f"c{i + 1}", "retries": retries} for j in range(width)]
        parts[f"c{i}"] = {"kind": "service", "steps": steps}
        links.append(f"c{i}->c{i + 1}")
    parts[f"c{len(widths)}"] = {"kind": "service"}
    if caller != "people":
        parts["people"]["steps"][0]["call"] = f"c{len(widths)}"
        links[0] = f"people->c{len(widths)}"
        parts[caller] = {"kind": "job", "period": "10s", "steps": [{"name": "run", "call": "c0"}]}
        links.append(f"{caller}->c0")
    return {"schema_version": 1, "name": "layers", "components": parts, "links": {link: {} for link in links}}


def problem(path: Path, document: dict[str, Any]) -> Problem:
    path.write_text(json.dumps(document, indent=1), encoding="utf-8")
    with pytest.raises(UserError) as caught:
        load_system(str(path))
    (only,) = caught.value.problems
    return only


def test_a_request_with_too_many_calls_is_refused_where_they_multiply_most(tmp_path: Path) -> None:
    path = tmp_path / "layers.system.yaml"
    found = problem(path, system([7, 9, 40, 8]))
    lines = path.read_text(encoding="utf-8").splitlines()
    assert '"steps"' in lines[found.line - 1]
    assert lines[found.line - 3].strip() == '"c2": {'
    assert found.what == "one request of 'people' can lead to too many calls"
    # 1 + 7 + 7 x 9 + 7 x 9 x 40 + 7 x 9 x 40 x 8
    assert (found.seen, found.expected) == ("22,751 calls, each step once", f"at most {MAX_CALLS:,}")
    assert "'c2' multiplies most, by 40" in found.hint


def test_retries_multiply_too(tmp_path: Path) -> None:
    found = problem(tmp_path / "retries.system.yaml", system([1] * 7, retries=5))
    # The users' own call is not retried: 1 + 6 + 6^2 + … + 6^7.
    assert found.what == "one request of 'people' can lead to too many attempts"
    assert found.seen == "335,923 attempts, each step with all its retries"
    assert found.expected == f"at most {MAX_ATTEMPTS:,}"


def test_a_job_is_limited_like_a_request(tmp_path: Path) -> None:
    assert problem(tmp_path / "job.system.yaml", system([2] * 30, caller="nightly")).what == (
        "one run of 'nightly' can lead to too many calls"
    )


@pytest.mark.parametrize(("widths", "retries"), [([50, 60, 2], 0), ([1] * 400, 0), ([1] * 5, 5)])
def test_what_stays_below_the_limits_is_read(tmp_path: Path, widths: list[int], retries: int) -> None:
    path = tmp_path / "fine.system.yaml"
    path.write_text(json.dumps(system(widths, retries)), encoding="utf-8")
    assert load_system(str(path)).name == "layers"

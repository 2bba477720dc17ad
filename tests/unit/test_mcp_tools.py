"""Operations of an API as tools of an agent: what they are called, what they take, and what is sent for them."""

from __future__ import annotations

from typing import Annotated, Literal

import jsonschema
import pytest
from fastapi import FastAPI, Query
from pydantic import BaseModel, Field

from lab.mcp.tools import Request, Tool, tools

SESSION = "a/b"


class Finding(BaseModel):
    culprit: str
    onset_s: float | None = None


class Answer(BaseModel):
    verdict: Literal["fault", "healthy"] = Field(description="what you say")
    findings: list[Finding] = []


class Run(BaseModel):
    speed: float


class Jump(BaseModel):
    jump: Literal["end"]


def app() -> FastAPI:
    made = FastAPI()

    @made.get("/api/v1/sessions/{session}/series", operation_id="get_series")
    def get_series(
        session: str, of: Annotated[list[str], Query(description="SIGNAL:SUBJECT")], until_s: float = 1
    ) -> None:
        """Signals over time."""

    @made.get("/api/v1/sessions/{session}/traces/{trace_id}", operation_id="get_trace")
    def get_trace(session: str, trace_id: str) -> None:
        """One request."""

    @made.post("/api/v1/sessions/{session}/submit", operation_id="submit")
    def submit(session: str, given: Answer) -> None:
        """Your answer."""

    @made.post("/api/v1/sessions/{session}/clock", operation_id="set_clock")
    def set_clock(session: str, given: Run | Jump) -> None:
        """Moves the clock."""

    @made.get("/api/v1/vocabulary", operation_id="get_vocabulary")
    def get_vocabulary() -> None:
        """Kinds and boundaries."""

    @made.get("/api/v1/sessions", operation_id="list_sessions")
    @made.get("/api/v1/group", operation_id="get_group")
    def of_others() -> None:
        """Not for an agent."""

    return made


@pytest.fixture(scope="module")
def by_name() -> dict[str, Tool]:
    return {tool.name: tool for tool in tools(app().openapi(), SESSION)}


def test_there_is_a_tool_for_each_operation_on_a_session_and_what_it_needs_and_no_other(
    by_name: dict[str, Tool],
) -> None:
    assert list(by_name) == ["get_series", "get_trace", "submit", "set_clock", "get_vocabulary"]
    assert by_name["get_series"].description == "Signals over time."


def test_whose_session_it_is_nobody_is_asked(by_name: dict[str, Tool]) -> None:
    assert set(by_name["get_trace"].schema["properties"]) == {"trace_id"}
    assert by_name["get_trace"].schema["required"] == ["trace_id"]


def test_what_stands_in_an_address_is_escaped(by_name: dict[str, Tool]) -> None:
    sent = by_name["get_trace"].request({"trace_id": "../x?y"})
    assert sent == Request("GET", "/api/v1/sessions/a%2Fb/traces/..%2Fx%3Fy")


def test_a_list_is_sent_as_often_as_it_has_entries(by_name: dict[str, Tool]) -> None:
    sent = by_name["get_series"].request({"of": ["a:b", "c:d"], "until_s": None})
    assert sent.query == (("of", "a:b"), ("of", "c:d"))
    assert sent.body is None


def test_fields_of_a_body_are_arguments_with_their_texts(by_name: dict[str, Tool]) -> None:
    schema = by_name["submit"].schema
    assert schema["properties"]["verdict"]["description"] == "what you say"
    assert schema["required"] == ["verdict"]
    answer = {"verdict": "fault", "findings": [{"culprit": "db", "onset_s": None}]}
    assert by_name["submit"].request(answer).body == answer


def test_a_schema_stands_by_itself(by_name: dict[str, Tool]) -> None:
    schema = by_name["submit"].schema
    jsonschema.Draft202012Validator.check_schema(schema)
    validator = jsonschema.Draft202012Validator(schema)
    validator.validate({"verdict": "fault", "findings": [{"culprit": "db"}]})
    for wrong in ({"verdict": "perhaps"}, {"verdict": "fault", "findings": [{}]}, {"verdict": "fault", "more": 1}):
        assert not validator.is_valid(wrong), wrong


def test_of_a_body_of_several_forms_the_fields_of_all_are_arguments(by_name: dict[str, Tool]) -> None:
    schema = by_name["set_clock"].schema
    assert set(schema["properties"]) == {"speed", "jump"}
    assert "required" not in schema
    assert by_name["set_clock"].request({"jump": "end"}).body == {"jump": "end"}


def test_an_argument_that_stands_in_two_places_is_refused() -> None:
    made = FastAPI()

    @made.post("/api/v1/sessions/{session}/act", operation_id="act")
    def act(session: str, verdict: str, given: Answer) -> None: ...

    with pytest.raises(ValueError, match=r"act: \['verdict'\] stand both in the path or query and in the body"):
        tools(made.openapi(), SESSION)

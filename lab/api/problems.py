"""Errors as JSON: what is wrong, what was seen, what was expected, what to do. They tell nothing of what there is."""

from __future__ import annotations

import sqlite3
import sys
from http import HTTPStatus
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from pydantic import BaseModel
from starlette.exceptions import HTTPException

from lab.errors import ParameterError, UserError
from lab.investigation.queries.asking import QueryError, UnknownError
from lab.investigation.refusals import NotYetError, RefusedError

NO_JSON = "the body is not JSON"
SEEN_CHARACTERS = 100
"""Of what was seen that an error repeats."""


class ProblemBody(BaseModel):
    """What is wrong."""

    what: str
    seen: str = ""
    expected: str = ""
    hint: str = ""


class ProblemAnswer(BaseModel):
    """The body of every error."""

    problem: ProblemBody


def problem(status: int, what: str, *, seen: str = "", expected: str = "", hint: str = "") -> JSONResponse:
    """An error as an answer."""
    body = ProblemBody(what=what, seen=_short(seen), expected=expected, hint=hint)
    return JSONResponse({"problem": body.model_dump()}, status)


def lab_failed() -> JSONResponse:
    """The answer where the lab itself is at fault."""
    return problem(500, "the lab failed", hint="the output of the server says where")


def _short(text: str) -> str:
    shown = text if len(text) <= SEEN_CHARACTERS else text[: SEEN_CHARACTERS - 1] + "…"
    return shown.encode("utf-8", "replace").decode()


def handle_problems(app: FastAPI) -> None:
    """Makes every error of an app a problem as JSON."""
    app.add_exception_handler(RequestValidationError, _invalid)
    app.add_exception_handler(HTTPException, _http)
    app.add_exception_handler(QueryError, _refused)
    app.add_exception_handler(UserError, _user_error)
    app.add_exception_handler(sqlite3.Error, _unkept)
    app.add_exception_handler(Exception, _failed)


async def _invalid(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, RequestValidationError)
    first: dict[str, Any] = next(iter(error.errors()), {})
    if first.get("type") == "json_invalid":
        return problem(400, NO_JSON, hint="see /api/openapi.json")
    if isinstance(first.get("input"), bytes):
        hint = "send it with Content-Type: application/json"
        return problem(422, "the body is not said to be JSON", expected="an object of JSON", hint=hint)
    where = ".".join(str(part) for part in first.get("loc", ()))
    seen = first.get("input")
    text = repr(seen) if isinstance(seen, str | int | float | bool | None) else type(seen).__name__
    return problem(
        422, f"{_short(where) or 'the request'} is not as it should be", seen=text, expected=str(first.get("msg", ""))
    )


async def _http(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, HTTPException)
    is_body = error.status_code == HTTPStatus.BAD_REQUEST  # FastAPI's word for a body that cannot be parsed
    phrase = NO_JSON if is_body else HTTPStatus(error.status_code).phrase.lower()
    answer = problem(error.status_code, phrase, hint="see /api/openapi.json")
    answer.headers.update(error.headers or {})
    return answer


async def _unkept(_: Request, error: Exception) -> JSONResponse:
    sys.stderr.write(f"sessions cannot be kept: {error}\n")
    hint = "the disk of the server may be full; try again when there is room"
    return problem(503, "this could not be kept", hint=hint)


async def _failed(_: Request, __: Exception) -> JSONResponse:
    return lab_failed()


async def _refused(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, QueryError)
    kinds = ((UnknownError, 404), (NotYetError, 403), (RefusedError, 409), (QueryError, 422))
    status = next(status for kind, status in kinds if isinstance(error, kind))
    return problem(status, error.what, seen=error.seen, expected=error.expected, hint=error.hint)


async def _user_error(_: Request, error: Exception) -> JSONResponse:
    assert isinstance(error, UserError)
    first = error.problems[0]  # without its place, which is a path of the server's
    hint = first.hint if isinstance(error, ParameterError) else ""
    return problem(422, first.what, seen=first.seen, expected=first.expected, hint=hint)

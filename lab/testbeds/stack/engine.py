"""The Docker client; its failures are errors of the lab with request, address, answer, and what to do.

Whatever calls Docker goes through here, containers and images of the client included. An engine that is restarted in
the middle, hangs, or refuses is no mistake of the lab.
"""

from __future__ import annotations

import os
import re
from typing import Any
from urllib.parse import urlsplit

import docker
from docker.errors import APIError, NotFound
from requests.exceptions import RequestException, Timeout

from lab.errors import Problem
from lab.testbeds.stack.compose import ENGINE, StackError, room_hint

_VERSION = re.compile(r"^/v[\d.]+(?=/)")
_ID = re.compile(r"\b[0-9a-f]{64}\b")
_GONE, _CONFLICT, _ERROR = 404, 409, 500
_THEN = "then lab stack status shows what became of the stack, and lab recover puts back what may be left"
_AGAIN = f"start Docker, or wait until it answers (lab doctor shows more); {_THEN}"


class EngineError(StackError, APIError):  # type: ignore[misc]
    """The Docker engine refused, failed, or did not answer; exit code 3.

    It is also Docker's own error, so that callers can use its status and explanation.
    """

    def __init__(self, problem: Problem, message: str, response: Any = None) -> None:
        APIError.__init__(self, f"{problem}{room_hint(message)}", response, message)

    def __str__(self) -> str:
        return str(self.args[0])


class GoneError(EngineError, NotFound):  # type: ignore[misc]
    """What was asked for is not there, or not any more."""


class Engine(docker.DockerClient):  # type: ignore[misc]
    """Docker's client, with errors that users can act upon."""

    def __init__(self, *arguments: Any, **options: Any) -> None:
        self.api = _Api(*arguments, **options)


class _Api(docker.APIClient):  # type: ignore[misc]
    def __init__(self, *arguments: Any, **options: Any) -> None:
        self._names: dict[str, str] = {}
        super().__init__(*arguments, **options)

    def inspect_container(self, container: Any) -> Any:
        found = super().inspect_container(container)
        self._names[found["Id"]] = found["Name"].lstrip("/")
        return found

    def request(self, method: Any, url: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return super().request(method, url, *arguments, **options)
        except RequestException as error:
            raise self._unanswered(f"{method} {self._path(url)}", error) from error

    def _read_from_socket(self, response: Any, *arguments: Any, **options: Any) -> Any:
        """What a command in a container says, which comes beside HTTP."""
        try:
            return super()._read_from_socket(response, *arguments, **options)
        except OSError as error:
            raise self._unanswered(self._request_of(response), error) from error

    def _raise_for_status(self, response: Any) -> None:
        try:
            super()._raise_for_status(response)
        except APIError as error:
            asked, status, message = self._request_of(response), error.status_code, str(error.explanation or "").strip()
            kind = GoneError if status == _GONE else EngineError
            raise kind(_refused(asked, status, message or response.reason), message, response) from error

    def _request_of(self, response: Any) -> str:
        return f"{response.request.method} {self._path(response.request.url)}"

    def _path(self, url: str) -> str:
        """The path of a request; containers by their names, as far as they are known."""
        path = _VERSION.sub("", urlsplit(str(url)).path)
        return _ID.sub(lambda found: self._names.get(found[0], found[0][:12]), path)

    def _unanswered(self, asked: str, error: Exception) -> EngineError:
        message = f"no answer within {self.timeout} s" if isinstance(error, Timeout) else _innermost(error)
        problem = Problem(f"Docker did not answer: {asked}", _address(), seen=message,
                          expected="an engine that runs and answers", hint=_AGAIN)  # fmt: skip
        return EngineError(problem, f"Docker did not answer: {message}")


def _refused(asked: str, status: int, message: str) -> Problem:
    if status >= _ERROR:
        return Problem(
            f"Docker failed: {asked}", _address(), seen=f"{status} {message}", expected="an engine that is well",
            hint=f"Docker's own log says more (journalctl -u docker); {_THEN}",
        )  # fmt: skip
    hints = {
        _GONE: "it was removed meanwhile; lab stack up makes it anew",
        _CONFLICT: "lab stack status shows its state; if it is being changed at the moment, try again afterwards",
    }
    return Problem(
        f"Docker refused: {asked}", _address(), seen=f"{status} {message}",
        hint=hints.get(status, "lab stack status shows the state of the stack, lab stack logs its output"),
    )  # fmt: skip


def _address() -> str:
    return os.environ.get("DOCKER_HOST") or ENGINE


def _innermost(error: BaseException) -> str:
    """The system's own word below the layers of libraries: `connection refused` rather than their names."""
    inner: BaseException | None = error
    message = ""
    while inner is not None:
        message = getattr(inner, "strerror", None) or message
        inner = next((part for part in inner.args if isinstance(part, BaseException)), None)
    return (message or " ".join(str(error).split())).lower()

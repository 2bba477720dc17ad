"""Small JSON calls to the stack's admin endpoints, with retries where a repeat does no harm."""

from __future__ import annotations

import json
import urllib.error
import urllib.request
from collections.abc import Iterator
from http import HTTPStatus
from http.client import HTTPException
from typing import Any

from lab.testbeds.stack.compose import StackError

TIMEOUT_S = 30.0
RETRIES = 4
BACKOFF_S = 0.25
_FAILURES = (OSError, ValueError, HTTPException)
WRONG_TOKEN = (
    "\n  hint:    .env has changed since the container was made; lab stack up makes it anew, with what .env says"
)
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))
"""Asks the services themselves: a proxy of the shell's can reach none of them, and is to learn no token."""


class AnswerError(StackError):
    """A service answered with an error status."""

    def __init__(self, message: str, status: int) -> None:
        super().__init__(message)
        self.status = status


def call(
    method: str, url: str, body: Any = None, token: str = "", *, timeout_s: float = TIMEOUT_S, retries: int = RETRIES
) -> Any:
    """The decoded answer. All admin calls are idempotent, so connection failures are retried; silence is not.

    `token`: that of the service, which its control endpoints want; it is in no message.

    Raises StackError for an error status (with the service's own words) and when it stays unreachable.
    """
    from tenacity import Retrying, retry_if_exception, stop_after_attempt, wait_exponential

    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **_authorization(token)}
    retrying = Retrying(
        stop=stop_after_attempt(retries + 1),
        wait=wait_exponential(BACKOFF_S),
        retry=retry_if_exception(_may_pass),
        reraise=True,
    )
    try:
        return retrying(_ask, urllib.request.Request(url, data, headers, method=method), timeout_s)
    except urllib.error.HTTPError as error:
        hint = WRONG_TOKEN if error.code == HTTPStatus.UNAUTHORIZED else ""
        raise AnswerError(f"{method} {url}: {error.code} {_words(error)}{hint}", error.code) from None
    except _FAILURES as error:
        raise StackError(f"{method} {url}: {error}") from None


def _ask(request: urllib.request.Request, timeout_s: float) -> Any:
    with _OPENER.open(request, timeout=timeout_s) as answer:
        content = answer.read()
        return json.loads(content) if content else None


def _may_pass(error: BaseException) -> bool:
    """Whether another attempt may help: after an answer it does not, and who was silent for the whole time still is."""
    is_silence = isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)
    return isinstance(error, _FAILURES) and not isinstance(error, urllib.error.HTTPError) and not is_silence


def _words(error: urllib.error.HTTPError) -> str:
    """The service's own words, or that they were cut short: the status is what counts."""
    try:
        return error.read().decode(errors="replace")[:300]
    except (OSError, HTTPException) as cut:
        return f"{error.reason} (and no more: {cut})"


def download(url: str, path: Any, token: str = "") -> None:
    """Copies an endpoint's content into a file; OSError where it is the file that cannot be written."""
    with open(path, "wb") as file:
        for chunk in _chunks(url, token):
            file.write(chunk)


def _chunks(url: str, token: str) -> Iterator[bytes]:
    try:
        request = urllib.request.Request(url, headers=_authorization(token))
        with _OPENER.open(request, timeout=TIMEOUT_S) as answer:
            while chunk := answer.read(1 << 20):
                yield chunk
    except (OSError, HTTPException) as error:
        raise StackError(f"GET {url}: {error}") from None


def _authorization(token: str) -> dict[str, str]:
    return {"Authorization": f"Bearer {token}"} if token else {}

"""Small JSON calls to the stack's admin endpoints, with retries where a repeat does no harm."""

from __future__ import annotations

import json
import time
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
    data = None if body is None else json.dumps(body).encode()
    headers = {"Content-Type": "application/json", **_authorization(token)}
    for attempt in range(retries + 1):
        request = urllib.request.Request(url, data, headers, method=method)
        try:
            with _OPENER.open(request, timeout=timeout_s) as answer:
                content = answer.read()
                return json.loads(content) if content else None
        except urllib.error.HTTPError as error:
            hint = WRONG_TOKEN if error.code == HTTPStatus.UNAUTHORIZED else ""
            raise AnswerError(f"{method} {url}: {error.code} {_words(error)}{hint}", error.code) from None
        except (OSError, ValueError, HTTPException) as error:
            if attempt == retries or _is_silence(error):
                raise StackError(f"{method} {url}: {error}") from None
            time.sleep(BACKOFF_S * 2**attempt)
    raise AssertionError("unreachable")


def _is_silence(error: Exception) -> bool:
    """Whether nothing came for the whole time: who is silent for that long is silent again."""
    return isinstance(error, TimeoutError) or isinstance(getattr(error, "reason", None), TimeoutError)


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

"""Calls to other components: attempts with a deadline each, retries, spans and log lines; how each one ended."""

from __future__ import annotations

import asyncio
import os
import socket
import time
from collections.abc import Awaitable, Callable, Mapping
from contextlib import suppress
from typing import Any, TypeVar

import psycopg
import redis
from prometheus_client import Histogram
from tenacity import AsyncRetrying, retry_if_exception_type

from lab.clock import NS
from lab.recording import texts
from lab.recording.status import ANSWERED
from lab.systems.topology import Step
from services.common.log import Log
from services.common.policies import Policy
from services.common.telemetry import Span, Telemetry
from services.common.trace import TraceContext

Result = TypeVar("Result")
_UNAVAILABLE_SQLSTATES = ("53300", "57P03", "57P01", "57P02")
_closing: set[asyncio.Future[Any]] = set()


class CallFailedError(Exception):
    """An attempt failed; `status` is a name of `lab.recording.status`."""

    def __init__(self, status: str) -> None:
        super().__init__(status)
        self.status = status


class MissError(Exception):
    """The answer is that there is nothing: no failure."""


_AFTER_FAILURE = retry_if_exception_type(CallFailedError)


class Caller:
    """Makes the calls of one component. `durations` takes each attempt, by callee and status."""

    def __init__(
        self,
        telemetry: Telemetry,
        log: Log,
        policy_of: Mapping[str, Policy],
        durations: Histogram,
    ) -> None:
        self._telemetry = telemetry
        self._log = log
        self._policy_of = policy_of
        self._durations = durations

    async def call(
        self, step: Step, parent: TraceContext, operation: Callable[[TraceContext], Awaitable[Result]]
    ) -> Result:
        """The operation's result. MissError as it comes; CallFailedError of the last attempt when all have failed."""
        policy = self._policy_of[step.name]
        if not policy.retries:  # half of a request's calls; the library takes 15 µs of CPU for each
            return await self._attempt(step, parent, operation, policy, 0)
        async for attempt in AsyncRetrying(stop=policy.stops, wait=policy.pause_s, retry=_AFTER_FAILURE, reraise=True):
            with attempt:
                return await self._attempt(step, parent, operation, policy, attempt.retry_state.attempt_number - 1)
        raise AssertionError("unreachable")

    async def _attempt(
        self, step: Step, parent: TraceContext, operation: Callable[[TraceContext], Awaitable[Result]],
        policy: Policy, attempt: int,
    ) -> Result:  # fmt: skip
        span, start_ns, status = parent.child(), time.time_ns(), "ok"
        try:
            async with asyncio.timeout(policy.timeout_s):
                return await operation(span)
        except MissError:
            status = "miss"
            raise
        except TimeoutError:
            status = "timeout"
            raise CallFailedError(status) from None
        except CallFailedError as error:
            status = error.status
            raise
        finally:
            self._record(step, span, start_ns, status, attempt=attempt, is_last=attempt >= policy.retries)

    def _record(
        self, step: Step, span: TraceContext, start_ns: int, status: str, *, attempt: int, is_last: bool
    ) -> None:
        end_ns, callee = time.time_ns(), str(step.call)
        seconds = (end_ns - start_ns) / NS
        attributes = {"peer.service": callee, "lab.status": status, "lab.attempt": attempt}
        self._telemetry.span(Span(span, step.name, "client", start_ns, end_ns, attributes))
        self._durations.labels(callee, status).observe(seconds)
        if status not in ANSWERED:
            body = texts.call_failed(step.name, callee, status, attempt, is_last=is_last, fallback=step.fallback)
            self._log.write("WARN", "call_failed", body, span, subject=callee, duration_s=seconds)


def connection_status(error: BaseException) -> str:
    """The status of a failed connection, from the error and what caused it."""
    text = f"{error} {error.__cause__ or ''} {error.__context__ or ''}".lower()
    if "refused" in text:
        return "refused"
    if "reset" in text or "closed" in text or "broken pipe" in text or "disconnected" in text:
        return "reset"
    return "error"


def database_status(error: psycopg.Error) -> str:
    """The status of a failed statement or connection."""
    if error.sqlstate in _UNAVAILABLE_SQLSTATES or "starting up" in str(error):
        return "unavailable"
    return connection_status(error) if isinstance(error, psycopg.OperationalError) else "error"


def redis_status(error: Exception) -> str:
    """The status of a failed command or connection."""
    if isinstance(error, redis.TimeoutError | TimeoutError):
        return "timeout"
    if isinstance(error, redis.BusyLoadingError):
        return "unavailable"
    return connection_status(error) if isinstance(error, redis.ConnectionError | OSError) else "error"


def abandon(connection: psycopg.AsyncConnection[Any], task: asyncio.Future[Any]) -> None:
    """Closes a connection at once, whatever its statement in `task` is doing.

    Cancelling the statement instead would wait for a server that may be out of reach.
    """
    if not task.done():
        with suppress(OSError, psycopg.Error), socket.socket(fileno=os.dup(connection.fileno())) as end:
            end.shutdown(socket.SHUT_RDWR)
    closing = asyncio.ensure_future(_close(connection, task))
    _closing.add(closing)
    closing.add_done_callback(_closing.discard)


async def _close(connection: psycopg.AsyncConnection[Any], task: asyncio.Future[Any]) -> None:
    with suppress(psycopg.Error, OSError):
        await task
    await connection.close()

"""The call plan of a service, carried out step by step as the topology file has it."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any, Generic, Protocol, TypeVar

from prometheus_client import Counter

from lab.systems.topology import Component, Step, System
from services.common.calls import Caller, CallFailedError, MissError
from services.common.messages import Messages
from services.common.trace import TraceContext


class Request(Protocol):
    """One request under way. `unsuccessful` holds the steps that failed or missed."""

    span: TraceContext
    unsuccessful: set[str]


Subject = TypeVar("Subject", bound=Request)


class StepFailedError(Exception):
    """A step without a way on has failed: the request ends with this status of `lab.recording.status`."""

    def __init__(self, status: str, reason: str) -> None:
        super().__init__(reason)
        self.status = status


class Plan(Generic[Subject]):
    """Runs the steps of one component. `operations` do its calls, by operation, or by step where
    the call names none; `own` its own code, which may miss.

    `messages` sends those that nobody waits for. ValueError where the topology has a step that this service cannot do.
    """

    def __init__(
        self,
        component: Component,
        caller: Caller,
        fallback_counter: Counter,
        *,
        operations: Mapping[str, Callable[[Subject, TraceContext], Awaitable[None]]],
        own: Mapping[str, Callable[[Subject], Any]],
        fallbacks: Mapping[str, Callable[[Subject], None]],
        messages: Messages | None = None,
    ) -> None:
        self._steps = component.steps
        self._caller = caller
        self._fallback_counter = fallback_counter
        self._operations = operations
        self._own = own
        self._fallbacks = fallbacks
        self._messages = messages
        for step in self._steps:
            known = own if step.run else operations
            if (step.run or _operation(step)) not in known or (step.fallback and step.fallback not in fallbacks):
                raise ValueError(f"step {step.name!r}: no such operation or fallback in this service")
            if step.when:
                raise ValueError(f"step {step.name!r}: this service cannot branch on a value ('when')")
            if not step.wait and messages is None:
                raise ValueError(f"step {step.name!r}: this service cannot send messages ('wait: false')")

    async def handle(self, request: Subject) -> None:
        """Runs the steps for a request; StepFailedError where the plan says that it fails."""
        for step in self._steps:
            if step.unless and step.unless not in request.unsuccessful:
                continue
            if step.after and step.after in request.unsuccessful:
                continue
            if step.run:
                self._run(step, request)
            elif step.wait:
                await self._call(step, request)
            else:
                self._send(step, request)

    def _run(self, step: Step, request: Subject) -> None:
        try:
            self._own[str(step.run)](request)
        except MissError:
            request.unsuccessful.add(step.name)

    async def _call(self, step: Step, request: Subject) -> None:
        operation = self._operations[_operation(step)]
        try:
            await self._caller.call(step, request.span, lambda span: operation(request, span))
        except MissError:
            request.unsuccessful.add(step.name)
        except CallFailedError as error:
            request.unsuccessful.add(step.name)
            if step.on_failure == "fail":
                raise StepFailedError("dependency_failed", f"{step.name}: {error.status}") from None
            if step.fallback:
                self._fallback_counter.labels(step.fallback).inc()
                self._fallbacks[step.fallback](request)

    def _send(self, step: Step, request: Subject) -> None:
        assert self._messages is not None
        operation = self._operations[_operation(step)]
        self._messages.send(step, request.span, lambda span: operation(request, span))


def _operation(step: Step) -> str:
    return step.operation or step.name


def step_to(system: System, component: str) -> Step:
    """The first step that calls a component: its requests are named after it."""
    return next(step for c in system.components.values() for step in c.steps if step.call == component)

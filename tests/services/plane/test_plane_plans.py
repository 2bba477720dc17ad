"""Call plans as services carry them out: what misses, what fails, what nobody waits for."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter

from lab.systems.topology import Component
from services.common import messages as module
from services.common.calls import Caller, CallFailedError, MissError
from services.common.log import Log
from services.common.messages import Messages
from services.common.metrics import attempt_durations
from services.common.plans import Plan, StepFailedError
from services.common.policies import policies
from services.common.telemetry import Span, Telemetry
from services.common.trace import TraceContext, root_span
from tests.waiting import PATIENCE_S


@dataclass
class Asked:
    """A request that remembers what was done for it."""

    span: TraceContext = field(default_factory=root_span)
    unsuccessful: set[str] = field(default_factory=set)
    done: list[str] = field(default_factory=list)


class Kept(Telemetry):
    """Telemetry that keeps its spans."""

    def __init__(self) -> None:
        super().__init__("one", "")
        self.spans: list[Span] = []

    def span(self, span: Span) -> None:
        self.spans.append(span)


class Service:
    """A service with these steps; its calls end as `ends` says, by operation."""

    def __init__(self, *steps: dict[str, Any], **ends: Exception) -> None:
        component = Component.model_validate({"kind": "service", "steps": steps})
        self.registry, self.telemetry = CollectorRegistry(), Kept()
        self._ends = ends
        self.hangs = False
        caller = Caller(
            self.telemetry, Log(self.telemetry), policies(component.steps), attempt_durations(self.registry)
        )
        lost = Counter("messages_lost_total", "Lost.", ["peer"], registry=self.registry)
        self.messages = Messages(self.telemetry, lost)
        self.plan: Plan[Asked] = Plan(
            component, caller, Counter("fallbacks_total", "Used.", ["fallback"], registry=self.registry),
            operations={name: self._operation(name) for name in ("first", "second", "third")},
            own={"look": self._look},
            fallbacks={"instead": lambda asked: asked.done.append("instead")},
            messages=self.messages,
        )  # fmt: skip

    def _operation(self, name: str) -> Any:
        async def call(asked: Asked, span: TraceContext) -> None:
            if self.hangs:
                await asyncio.sleep(PATIENCE_S)
            if name in self._ends:
                raise self._ends[name]
            asked.done.append(name)

        return call

    def _look(self, asked: Asked) -> None:
        if "look" in self._ends:
            raise self._ends["look"]
        asked.done.append("look")

    def handle(self) -> Asked:
        """Handles one request, and lets its messages go out."""
        asked = Asked()

        async def work() -> None:
            await self.plan.handle(asked)
            await asyncio.sleep(0.05)

        asyncio.run(work())
        return asked

    def lost(self) -> float:
        """Messages to `other` that were not handed over."""
        return self.registry.get_sample_value("messages_lost_total", {"peer": "other"}) or 0.0


FIRST = {"name": "a", "call": "other", "operation": "first", "on_failure": "continue", "fallback": "instead"}
SECOND = {"name": "b", "call": "other", "operation": "second", "unless": "a"}
THIRD = {"name": "c", "call": "other", "operation": "third", "after": "a"}
LOOK = {"name": "look", "run": "look"}
MESSAGE = {"name": "m", "call": "other", "operation": "third", "wait": False, "after": "look"}


def test_steps_branch_on_what_earlier_ones_came_to() -> None:
    steps = (FIRST, SECOND, THIRD)
    assert Service(*steps).handle().done == ["first", "third"]
    assert Service(*steps, first=MissError()).handle().done == ["second"]
    assert Service(*steps, first=CallFailedError("reset")).handle().done == ["instead", "second"]


def test_a_step_without_a_way_on_ends_the_request() -> None:
    with pytest.raises(StepFailedError, match="b: timeout") as failed:
        Service(FIRST, SECOND, first=MissError(), second=CallFailedError("timeout")).handle()
    assert failed.value.status == "dependency_failed"


def test_own_code_may_miss() -> None:
    assert Service(LOOK, MESSAGE).handle().done == ["look", "third"]
    assert Service(LOOK, MESSAGE, look=MissError()).handle().done == []


def test_a_message_leaves_a_producer_without_length_and_its_failure_is_nobody_s() -> None:
    service = Service(LOOK, MESSAGE, third=CallFailedError("refused"))
    asked = service.handle()
    [span] = service.telemetry.spans
    assert (span.kind, span.name, span.start_ns) == ("producer", "m", span.end_ns)
    assert span.context.parent_span_id == asked.span.span_id
    assert span.attributes["lab.status"] == "ok"
    assert service.lost() == 1


def test_no_more_messages_are_under_way_than_a_sender_can_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "UNDER_WAY_MAX", 3)
    service = Service(LOOK, MESSAGE)
    service.hangs = True

    async def work() -> None:
        for _ in range(5):
            await service.plan.handle(Asked())
        assert service.lost() == 2
        await service.messages.close()

    asyncio.run(work())
    assert len(service.telemetry.spans) == 5


@pytest.mark.parametrize(
    ("step", "says"),
    [
        ({**FIRST, "operation": "fourth"}, "no such operation"),
        ({**FIRST, "fallback": "nothing"}, "no such operation or fallback"),
        ({**FIRST, "when": {"above": 0.5}}, "when"),
    ],
)
def test_what_a_service_cannot_do_is_refused_when_it_starts(step: dict[str, Any], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        Service(step)

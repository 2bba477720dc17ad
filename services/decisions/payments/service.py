"""Puts the payment service together: its callees, its plan, its two ports."""

from __future__ import annotations

from dataclasses import dataclass

from prometheus_client import CollectorRegistry, Counter

from lab.systems.topology import System
from services.common import web
from services.common.calls import Caller
from services.common.control import Guard
from services.common.http_calls import JsonClient
from services.common.log import Log
from services.common.messages import Messages
from services.common.metrics import attempt_durations, count_dropped
from services.common.plans import Plan, step_to
from services.common.policies import policies
from services.common.predictions import ModelScores
from services.common.settings import Listen
from services.common.telemetry import Telemetry
from services.decisions.payments.app import payments_app
from services.decisions.payments.calls import Calls
from services.decisions.payments.content import Content
from services.decisions.payments.payment import Payment


@dataclass(frozen=True)
class Addresses:
    """Where the dependencies are (or the fault proxy in front of them)."""

    features_url: str
    model: str
    model_name: str
    rules_url: str
    analysts_url: str


class PaymentService:
    """One payment service."""

    def __init__(self, system: System, telemetry: Telemetry, addresses: Addresses, guard: Guard) -> None:
        name = telemetry.service
        component = system.components[name]
        registry, self.log = CollectorRegistry(), Log(telemetry)
        policy_of = policies(component.steps)
        count_dropped(telemetry, registry)
        self._calls = calls = Calls(
            JsonClient(addresses.features_url),
            ModelScores(addresses.model, addresses.model_name),
            JsonClient(addresses.rules_url),
            JsonClient(addresses.analysts_url),
        )
        lost = Counter("messages_lost_total", "Messages that were not handed over.", ["peer"], registry=registry)
        self._messages = Messages(telemetry, lost)
        content = Content(self.log)
        plan: Plan[Payment] = Plan(
            component,
            Caller(telemetry, self.log, policy_of, attempt_durations(registry)),
            Counter("fallbacks_total", "Times a fallback was used.", ["fallback"], registry=registry),
            operations={
                "get_features": calls.get_features,
                "score_payment": calls.score_payment,
                "apply_rules": calls.apply_rules,
                "review_payment": calls.review_payment,
            },
            own=content.own,
            fallbacks=content.fallbacks,
            messages=self._messages,
        )
        observer = web.Observer(step_to(system, name).name, telemetry, registry)
        self.app = payments_app(plan, content, observer)
        self.config = web.config_app("payments configuration", policy_of, guard)

    async def serve(self, main: Listen, config: Listen) -> None:
        """Serves both ports until SIGTERM or SIGINT."""
        await web.serve([(self.app, main), (self.config, config)], self.log)
        await self._messages.close()
        await self._calls.close()

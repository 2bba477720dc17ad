"""The HTTP face of the payment service: payments, health, metrics."""

from __future__ import annotations

from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict, Field

from services.common.plans import Plan, StepFailedError
from services.common.trace import server_span
from services.common.web import Observer, add_routes, answered, new_app
from services.decisions.payments.content import Content
from services.decisions.payments.payment import Payment

ROUTE = "/v1/payments"


class PaymentRequest(BaseModel):
    """What somebody wants to pay: the amount in cents, the payer's local hour (0 to 23), device, country."""

    model_config = ConfigDict(extra="forbid")
    payment_id: str = Field(min_length=1, max_length=100)
    card_id: int = Field(ge=0)
    merchant_id: int = Field(ge=0)
    amount_cents: int = Field(gt=0)
    hour: int = Field(ge=0, le=23)
    device: int = Field(ge=0)
    country: int = Field(ge=0)


def payments_app(plan: Plan[Payment], content: Content, observer: Observer) -> FastAPI:
    """POST /v1/payments, GET /healthz, GET /metrics."""
    app = new_app("payments")

    @app.post(ROUTE)
    async def pay(body: PaymentRequest, request: Request) -> Response:
        headers = request.headers
        span, baggage = server_span(headers.get("traceparent")), headers.get("baggage", "")
        payment = Payment(body.model_dump(), span, baggage)
        return await answered(observer, span, _answer(plan, content, payment))

    add_routes(app, observer, lambda: True)
    return app


async def _answer(plan: Plan[Payment], content: Content, payment: Payment) -> dict[str, Any]:
    await plan.handle(payment)
    if not payment.decision:
        raise StepFailedError("error", "no decision")
    content.log_decision(payment)
    return {
        "decision": payment.decision, "model_version": payment.version, "score_micro": payment.score_micro,
    }  # fmt: skip

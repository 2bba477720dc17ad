"""What the payment service has others do: features, a score, a decision, a review."""

from __future__ import annotations

import numpy as np

from lab.worlds.decisions.features import FEATURES, Asked, impute, model_inputs
from lab.worlds.decisions.registration import CARD_TABLE, MERCHANT_TABLE
from lab.worlds.decisions.rules import DECISIONS
from services.common.calls import CallFailedError
from services.common.http_calls import JsonClient
from services.common.predictions import ModelScores
from services.common.trace import TraceContext
from services.decisions.payments.payment import Payment

FEATURES_ROUTE, RULES_ROUTE, REVIEWS_ROUTE = "/v1/features", "/v1/rules/decide", "/v1/reviews"
MICRO = 1_000_000


class Calls:
    """The callees, each behind its link."""

    def __init__(self, features: JsonClient, model: ModelScores, rules: JsonClient, analysts: JsonClient) -> None:
        self._features = features
        self._model = model
        self._rules = rules
        self._analysts = analysts

    async def get_features(self, payment: Payment, span: TraceContext) -> None:
        """Rows of the card and of the merchant, as they were read."""
        asked = {name: payment.asked[name] for name in ("card_id", "merchant_id")}
        answer = await self._features.post(FEATURES_ROUTE, asked, span, payment.baggage)
        try:
            rows = {table: np.array(answer[table]["values"], float) for table in FEATURES}
        except (KeyError, TypeError, ValueError) as error:
            raise CallFailedError("error") from error
        if any(row.shape != (len(FEATURES[table]),) for table, row in rows.items()):
            raise CallFailedError("error")
        payment.rows = rows

    async def score_payment(self, payment: Payment, span: TraceContext) -> None:
        """The probability of fraud, in millionths, of the inputs that follow from rows and payment."""
        of = payment.asked
        asked = Asked(
            *(np.array([value]) for value in (of["amount_cents"] / 100, of["hour"], of["device"], of["country"]))
        )
        rows = [impute(payment.rows[table][None, :], table) for table in (CARD_TABLE, MERCHANT_TABLE)]
        inputs = model_inputs(asked, *rows)
        scores, version = await self._model.predict(inputs, span, payment.baggage)
        payment.inputs, payment.score_micro, payment.version = inputs, round(float(scores[0]) * MICRO), version

    async def apply_rules(self, payment: Payment, span: TraceContext) -> None:
        """What becomes of it."""
        asked = {"score_micro": payment.score_micro, "merchant": payment.asked["merchant_id"]}
        answer = await self._rules.post(RULES_ROUTE, asked, span, payment.baggage)
        if not isinstance(answer, dict) or answer.get("decision") not in DECISIONS:
            raise CallFailedError("error")
        payment.decision = answer["decision"]

    async def review_payment(self, payment: Payment, span: TraceContext) -> None:
        """Has it looked at, some time."""
        await self._analysts.post(REVIEWS_ROUTE, {"payment_id": payment.asked["payment_id"]}, span, payment.baggage)

    async def close(self) -> None:
        """Closes the connections."""
        for client in (self._features, self._model, self._rules, self._analysts):
            await client.close()

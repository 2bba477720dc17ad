"""The payment service's own code: what it does where others fail, and the log of its decisions."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from lab.worlds.decisions.rules import APPROVE, DECISIONS, REVIEW
from services.common.calls import MissError
from services.common.log import Log
from services.decisions.payments.payment import NO_SCORE, Payment, no_rows


class Content:
    """What the steps do beside calls."""

    def __init__(self, log: Log) -> None:
        self._log = log
        self.own: Mapping[str, Callable[[Payment], None]] = {"is_held": self._is_held}
        self.fallbacks: Mapping[str, Callable[[Payment], None]] = {
            "default_features": self._default_features,
            "no_score": self._no_score,
            "approve_all": self._approve_all,
        }

    def log_decision(self, payment: Payment) -> None:
        """Tells what became of a payment, for the recording."""
        self._log.record(
            "payment_decided", payment.span, decision=payment.decision, model_version=payment.version,
            score_micro=payment.score_micro, inputs=payment.inputs.ravel().tolist(),
        )  # fmt: skip

    @staticmethod
    def _is_held(payment: Payment) -> None:
        if payment.decision != DECISIONS[REVIEW]:
            raise MissError

    @staticmethod
    def _default_features(payment: Payment) -> None:
        payment.rows = no_rows()

    @staticmethod
    def _no_score(payment: Payment) -> None:
        payment.score_micro, payment.version = NO_SCORE, 0

    @staticmethod
    def _approve_all(payment: Payment) -> None:
        payment.decision = DECISIONS[APPROVE]

"""What cardholders do, drawn a little ahead: when who pays what where, and which of it they will report as fraud.

Nothing here sends or waits. The draws are those of the simulator: by the stream's key, the payment's number in it and
what they are for. What only the cardholder knows is told to the recording, and to nobody who takes part in deciding.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from functools import partial
from typing import Any, NamedTuple

import numpy.typing as npt

from lab.agreed.run import Run
from lab.clock import NS, to_ns
from lab.worlds.decisions.coming import arrivals
from lab.worlds.decisions.score_tables import (
    CARD_SLOT,
    MERCHANT_SLOT,
    OWN_AMOUNT,
    OWN_BITS,
    OWN_COUNTRY,
    OWN_DEVICE,
    OWN_FRAUD,
    OWN_HOUR,
    OWN_REPORT,
)
from services.decisions.past import Cardholders
from services.load.people import Answer, ArrivalStream

Array = npt.NDArray[Any]
Put = Callable[[Sequence[Sequence[Any]]], None]
CENTS = 100


class Books(NamedTuple):
    """Where payments and reports are written down: rows of `payments` and `chargebacks`."""

    payments: Put
    reports: Put


class Crowd:
    """All cardholders of a run; `wobble` is the load's slow relative standard deviation."""

    path = "/v1/payments"

    def __init__(self, cardholders: Cardholders, run: Run, wobble: float, books: Books) -> None:
        self.cardholders = cardholders
        self.run = run
        self.wobble = wobble
        self.books = books

    def base(self) -> list[PaymentStream]:
        """The warm-up and the load of the scenario."""
        run = self.run
        warmup = ((run.warmup_s, run.stages[0][1]),)
        streams = [PaymentStream("warmup", self, warmup, -run.warmup_s)] if run.warmup_s else []
        return [*streams, PaymentStream("load", self, run.stages, 0.0)]

    def further(self, kind: str, rate_per_s: float, at_s: float) -> PaymentStream:
        """Arrivals on top of the load, until its end. `kind`: surge, or bots, whose fraud nobody reports."""
        name = f"{kind}/{round((at_s + self.run.warmup_s) * NS)}"
        stages = ((self.run.duration_s - at_s, rate_per_s),)
        return PaymentStream(name, self, stages, at_s, responds=kind != "bots")

    def change_tastes(self, fraction: float | None) -> float | None:
        """They have none: they pay what they have to."""
        return None

    def go_on(self, index: int, count: int, until_s: float) -> None:
        """They do nothing beside payments."""


class PaymentStream(ArrivalStream):
    """One stream of payments."""

    def __init__(
        self, name: str, crowd: Crowd, stages: tuple[tuple[float, float], ...], start_s: float, *, responds: bool = True
    ) -> None:
        super().__init__(name, crowd.run, crowd.cardholders.streams, crowd.wobble, stages, start_s)
        self._crowd = crowd
        self._responds = responds
        # A run's own, so that the bank's book never has two of a name.
        self._prefix = f"{round(crowd.run.start_unix_s)}/{name}"

    def drawn(self, numbers: Array, times_ns: Array) -> list[Payment]:
        of = self._crowd.cardholders
        hour_ns = to_ns(of.hour_s)
        paid = of.payers.draw(self.key, numbers, times_ns / hour_ns)
        keys, own = arrivals(paid, self.key, numbers, hour_ns, self._responds)
        times_s = self.times_s[numbers].tolist()
        rows = zip(numbers.tolist(), times_s, keys.tolist(), own.tolist(), strict=True)
        return [Payment(self._crowd, f"{self._prefix}/{n}", at_s, *of_row) for n, at_s, *of_row in rows]


class Payment:
    """One payment and what comes with it. `time_s`: when it is due."""

    def __init__(self, crowd: Crowd, payment_id: str, time_s: float, keys: list[int], own: list[int]) -> None:
        self.time_s = time_s
        self._crowd = crowd
        self._payment_id = payment_id
        self._keys = keys
        self._own = own

    def body(self) -> dict[str, Any]:
        own = self._own
        return {
            "payment_id": self._payment_id, "card_id": self._keys[CARD_SLOT], "merchant_id": self._keys[MERCHANT_SLOT],
            "amount_cents": own[OWN_AMOUNT], "hour": own[OWN_HOUR], "device": own[OWN_DEVICE],
            "country": own[OWN_COUNTRY],
        }  # fmt: skip

    def answered(self, answer: Answer) -> None:
        """Is written down, and reported when its cardholder notices."""
        decision, own = answer.document["decision"], self._own
        card, merchant = self._keys[CARD_SLOT], self._keys[MERCHANT_SLOT]
        report_s = own[OWN_REPORT] / NS if own[OWN_REPORT] >= 0 else -1.0
        answer.tell(
            "payment_answered", card_id=card, merchant_id=merchant, amount_cents=own[OWN_AMOUNT], decision=decision,
            pattern=own[OWN_FRAUD], report_s=report_s, bits=own[OWN_BITS],
        )  # fmt: skip
        row = (self._payment_id, card, merchant, own[OWN_AMOUNT] / CENTS, decision, datetime.now(UTC))
        self._crowd.books.payments([row])
        if report_s >= 0:
            answer.later(report_s, partial(self._report, merchant))

    def _report(self, merchant: int) -> None:
        self._crowd.books.reports([(self._payment_id, merchant, datetime.now(UTC))])

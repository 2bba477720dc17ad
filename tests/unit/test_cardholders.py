"""Cardholders of the load pay as the simulator's do; what only they know is told to the recording, to no service."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
import pytest

from lab.agreed.run import Run
from lab.clock import NS, to_ns
from lab.systems.files import load_system
from lab.worlds.decisions.payments import Payers
from lab.worlds.decisions.population import active_count, make_population
from lab.worlds.decisions.score_tables import OWN_FRAUD
from services.decisions.load.cardholders import Books, Crowd, Payment, PaymentStream
from services.decisions.past import cardholders_of
from services.load.people import Answer

FRAUD = load_system("fraud")
WORLD = FRAUD.world
HOUR_S = 2.0


def run_of(duration_s: float = 120.0, time_scale: float = 1.0) -> Run:
    stages = ((duration_s, 50.0),)
    return Run(seed=7, start_unix_s=0.0, duration_s=duration_s, warmup_s=60.0, stages=stages, time_scale=time_scale)


def crowd(books: Books | None = None, run: Run | None = None) -> Crowd:
    run = run or run_of()
    assert WORLD is not None
    return Crowd(cardholders_of(run, WORLD), run, 0.0, books or Books(lambda rows: None, lambda rows: None))


def payments(stream: PaymentStream) -> list[Payment]:
    return list(stream.visits(0, 1))  # type: ignore[arg-type]


class Telling:
    """An answer's telemetry, which keeps what it is told."""

    def __init__(self) -> None:
        self.events: list[dict[str, Any]] = []

    def event(self, event: str, **attributes: Any) -> None:
        self.events.append({"event": event, **attributes})


def test_cardholders_pay_as_in_the_simulator() -> None:
    [_, stream] = crowd().base()
    sent = payments(stream)
    assert len(sent) > 5000
    assert WORLD is not None
    people = make_population(WORLD.seed)
    of = crowd().cardholders
    payers = Payers(people, of.streams, 50.0 * HOUR_S, float(WORLD.settings["report_median_h"]))
    # The simulator counts from the beginning of the warm-up.
    at_h = np.rint((stream.times_s + 60.0) * NS) / to_ns(HOUR_S)
    paid = payers.draw(stream.key, np.arange(len(sent)), at_h)
    bodies = [payment.body() for payment in sent]
    for name, column in (("card_id", paid.card), ("merchant_id", paid.merchant), ("hour", paid.hour),
                         ("device", paid.device), ("country", paid.country),
                         ("amount_cents", np.rint(paid.amount_eur * 100))):  # fmt: skip
        assert [body[name] for body in bodies] == column.astype(int).tolist(), name
    assert len({body["payment_id"] for body in bodies}) == len(bodies)


def answered(payment: Payment, decision: str) -> tuple[list[dict[str, Any]], list[tuple[float, Callable[[], None]]]]:
    """What a payment that is answered so tells, and what it does later."""
    telling, later = Telling(), []

    def after(seconds: float, act: Callable[[], None]) -> None:
        later.append((seconds, act))

    payment.answered(Answer({"decision": decision}, None, telling, after))  # type: ignore[arg-type]
    return telling.events, later


def test_what_only_cardholders_know_is_told_and_not_asked_and_reported_when_it_is_due() -> None:
    written: list[Any] = []
    reported: list[Any] = []
    [_, stream] = crowd(Books(written.extend, reported.extend)).base()
    frauds = 0
    for payment in payments(stream):
        body = payment.body()
        assert set(body) == {"payment_id", "card_id", "merchant_id", "amount_cents", "hour", "device", "country"}
        [told], later = answered(payment, "approve")
        assert told["event"] == "payment_answered"
        assert (told["card_id"], told["decision"]) == (body["card_id"], "approve")
        assert [seconds for seconds, _ in later] == ([told["report_s"]] if told["report_s"] >= 0 else [])
        assert told["pattern"] or not later, "nobody reports what is his own"
        frauds += told["pattern"] > 0
        for _, act in later:
            act()
            assert reported[-1][:2] == (body["payment_id"], body["merchant_id"])
    assert 0 < len(reported) < frauds
    assert len(written) == len(stream.times_s)


def test_nobody_reports_what_bots_pay() -> None:
    bots = crowd().further("bots", 500.0, 10.0)
    frauds = [payment for payment in payments(bots) if payment._own[OWN_FRAUD]]
    assert len(frauds) > 100
    assert not any(answered(payment, "approve")[1] for payment in frauds)


@pytest.mark.parametrize("scale", [1.0, 4.0])
def test_compressed_time_has_fewer_cards_that_pay_as_often(scale: float) -> None:
    run = run_of(240.0, scale)
    [_, stream] = crowd(run=run).base()
    bodies = [payment.body() for payment in payments(stream)]
    cards, merchants = active_count(5000, scale), active_count(400, scale)
    assert max(body["card_id"] for body in bodies) < cards
    assert max(body["merchant_id"] for body in bodies) < merchants
    # Payments of a card per scenario second do not depend on the scale.
    assert len(bodies) / cards / 240.0 == pytest.approx(50.0 / 5000, rel=0.1)

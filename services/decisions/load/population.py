"""The cardholders of runs, whose payments and reports go into the bank's book."""

from __future__ import annotations

import gevent

from lab.agreed.run import Run
from lab.systems.topology import System
from services.common.settings import conninfo
from services.decisions.load.cardholders import Books, Crowd
from services.decisions.past import cardholders_of
from services.load.rows import RowWriter

PAYMENTS = "payments (payment_id, card_id, merchant_id, amount_eur, decision, decided_at)"
REPORTS = "chargebacks (payment_id, merchant_id, reported_at)"


class DecisionsPopulation:
    """What one worker of the load has of those who pay."""

    def __init__(self, system: System) -> None:
        assert system.world is not None
        self._world = system.world
        payments, reports = (RowWriter(conninfo(), target) for target in (PAYMENTS, REPORTS))
        for writer in (payments, reports):
            gevent.spawn(writer.run)
        self._books = Books(payments.put, reports.put)

    def of(self, run: Run, wobble: float) -> Crowd:
        """The cardholders of a run."""
        return Crowd(cardholders_of(run, self._world), run, wobble, self._books)

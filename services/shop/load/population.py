"""The shoppers of runs, whose events go into the database."""

from __future__ import annotations

import gevent

from lab.agreed.run import Run
from lab.systems.topology import System
from services.common.settings import conninfo
from services.load.rows import RowWriter
from services.shop.load.shoppers import Crowd
from services.shop.past import shoppers_of

EVENTS = "events (user_id, kind, category, log_price_eur, occurred_at)"


class ShopPopulation:
    """What one worker of the load has of the shop."""

    def __init__(self, system: System) -> None:
        assert system.world is not None
        self._world = system.world
        self._events = RowWriter(conninfo(), EVENTS)
        gevent.spawn(self._events.run)

    def of(self, run: Run, wobble: float) -> Crowd:
        """The shoppers of a run."""
        return Crowd(shoppers_of(run, self._world), run, wobble, self._events.put)

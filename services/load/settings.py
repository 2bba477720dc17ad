"""Settings of the load that its workers keep, and say that they keep: set for all of them, some of them for a while."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import gevent
from locust.env import Environment

CHANGED_WITHIN_S = 10.0


def keep(runner: Any, name: str, change: Callable[[Any], Any]) -> None:
    """On a worker: `change(value)` puts a value of this setting in force, and gives the one that then is."""

    def changed(environment: Environment, msg: Any, **_: Any) -> None:
        value = change(msg.data["value"])
        runner.send_message(f"{name}_changed", {"value": value, "number": msg.data["number"]})

    # Beside other messages: it may have to wait for one of them.
    runner.register_message(f"change_{name}", changed, concurrent=True)


class Setting:
    """On the master: one setting, as the workers say that it is. With a lease it ends unless it is set again."""

    def __init__(self, runner: Any, name: str) -> None:
        self._runner = runner
        self._name = name
        self._of_worker: dict[str, Any] = {}
        self._number = 0
        self._answers: dict[str, Any] = {}
        self._end: Any = None
        runner.register_message(f"{name}_changed", self._changed)

    def _changed(self, environment: Environment, msg: Any, **_: Any) -> None:
        if msg.data["number"] == self._number:  # and no late answer to an earlier change
            self._answers[msg.node_id] = msg.data["value"]

    @property
    def value(self) -> Any:
        """What all workers have; None where they have nothing, or not the same.

        While it is being changed, what they had before: a lease that is renewed leaves no gap.
        """
        found = list(self._of_worker.values())
        return found[0] if found and found.count(found[0]) == len(found) else None

    def change(self, value: Any, lease_s: float | None = None) -> bool:
        """Changes it in all workers; whether they all have answered in time. None is as it would be."""
        number = self._begin(lease_s if value is not None else None)
        self._runner.send_message(f"change_{self._name}", {"value": value, "number": number})
        with gevent.Timeout(CHANGED_WITHIN_S, exception=False):
            while len(self._answers) < self._runner.worker_count:
                gevent.sleep(0.01)
        self._of_worker = dict(self._answers)
        return len(self._of_worker) >= self._runner.worker_count

    def forget(self) -> None:
        """A run begins or ends, and with it what was in force."""
        self._begin(None)
        self._of_worker = {}

    def _begin(self, lease_s: float | None) -> int:
        """The number of a change, which is the last one from now on: only answers to it count."""
        self._keep(lease_s)
        self._number += 1
        self._answers = {}
        return self._number

    def _keep(self, lease_s: float | None) -> None:
        if self._end is not None:
            self._end.kill(block=False)
        self._end = gevent.spawn_later(lease_s, self._lapse) if lease_s is not None else None

    def _lapse(self) -> None:
        self._end = None
        self.change(None)

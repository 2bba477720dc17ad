"""How the steps of a call plan call others: deadlines, retries and the pauses before them."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from tenacity import RetryCallState

from lab.systems.topology import Step


@dataclass(slots=True)
class Policy:
    """How one step is called; changed at run time through the configuration."""

    timeout_s: float
    retries: int
    backoff_s: float

    def stops(self, state: RetryCallState) -> bool:
        """Whether the attempt that failed was the last one."""
        return state.attempt_number > self.retries

    def pause_s(self, state: RetryCallState) -> float:
        """The time before the next attempt: doubled each time."""
        pause_s: float = self.backoff_s * 2 ** (state.attempt_number - 1)
        return pause_s


def policies(steps: Iterable[Step]) -> dict[str, Policy]:
    """The policies of the call steps of a plan, by step name."""
    return {step.name: Policy(step.timeout_s, step.retries, step.backoff_s) for step in steps if step.call}

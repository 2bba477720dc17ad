"""What an incident costs: amounts that add up over time, each a function of a recording's metrics.

The core's are of the users' requests. A world registers what it is about: clicks, euros, people's time.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """An amount that a system loses or spends: what an incident adds to it, beside the same time without, is its cost.

    `unit`: `1` for a count, `s`, or a word such as `EUR`. `bad`: which way the amount goes when people suffer; of one
    that falls (clicks), the cost is what is missing. `of` names the function (`module:function`) that gives the amount
    of each scrape interval; it takes `lab.recording.slis.Samples` and gives a `lab.recording.slis.Level`.
    """

    name: str
    unit: str
    doc: str
    of: str
    bad: Literal["rises", "falls"] = "rises"


CORE_COSTS = (
    Cost(
        name="failed_requests", unit="1", of="lab.recording.costs:failed_requests",
        doc="requests of users that failed",
    ),
    Cost(
        name="waiting_time", unit="s", of="lab.recording.costs:waiting_s",
        doc="time that users waited for answers, all requests together",
    ),
)  # fmt: skip

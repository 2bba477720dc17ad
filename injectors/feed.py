"""The job between events and features stops doing its work."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.files.units import Duration
from lab.injection.faults import Witness, fault
from lab.injection.levers import FeedDelay, FeedFreeze, Testbed


@fault(
    "feed-stall",
    boundary=Boundary.DATA,
    target="job",
    witnesses=(Witness("job_last_success_age_s", "{target}", 15.0), Witness("row_age_mean_s", "*", 15.0)),
    recovery_s=60,
)
def feed_stall(testbed: Testbed, job: str, *, delay: Duration | None = None) -> Iterator[None]:
    """Events are no longer turned into features: database rows and cache entries both grow old.

    With `delay` every run only starts that much later than it should (mild: 60s); without it no run happens.
    """
    with testbed.pull(job, FeedFreeze() if delay is None else FeedDelay(seconds=delay)):
        yield

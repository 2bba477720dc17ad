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
    witnesses=(Witness("job_last_success_age_s", "{target}", 1.5, "periods"),),
    recovery_s=60,
)
def feed_stall(
    testbed: Testbed, job: str, *, delay: Duration | None = None, growth: Duration | None = None
) -> Iterator[None]:
    """Events are no longer turned into features: database rows and cache entries both grow old.

    With `delay` every run only starts that much later than it should (mild: 60s). With `growth` it starts that much
    later for each hour since the fault began (15s: unnoticed at first, ten minutes late after 40 hours). Without both
    no run happens.
    """
    is_late = delay is not None or growth is not None
    with testbed.pull(job, FeedDelay(seconds=delay or 0.0, growth=growth or 0.0) if is_late else FeedFreeze()):
        yield

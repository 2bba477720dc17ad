"""A job ends well and has written nothing new."""

from __future__ import annotations

from collections.abc import Iterator

from lab.contracts import Boundary
from lab.injection.faults import fault
from lab.injection.levers import JobKeepOutput, Testbed


@fault(
    "output-kept",
    boundary=Boundary.DATA,
    target="job",
    witnesses=(),  # what a job writes is a matter of worlds
    recovery_s=60,
)
def output_kept(testbed: Testbed, job: str) -> Iterator[None]:
    """The job swallows its error and ends well: what it wrote the last time stays and is used again."""
    with testbed.pull(job, JobKeepOutput()):
        yield

"""Service level indicators (SLIs): what an SLO, a stop condition or a steady state may set a limit to.

The core's are of the users' requests and of the runs of jobs. A world registers those of its content.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal


@dataclass(frozen=True, slots=True, kw_only=True)
class Sli:
    """A service level indicator: a number for each scrape interval, computed from the metrics of a recording.

    `unit`: `ratio`, `s`, `1` or a word such as `EUR`; limits are written in it. `bad`: which way it goes when users
    suffer. `of` names the function (`module:function`) that computes it; it takes `lab.recording.slis.Samples` and
    gives a `lab.recording.slis.Level`. A value is of the last `window_intervals` scrape intervals. `with_slo`: its
    metric is recorded only for systems that have an SLO on it. `needs`: the kind of component without which a system
    has no such SLI. `adds_up`: it adds up what requests leave behind, such as those that wait for people: in compressed
    time fewer of them come in a second of the scenario, so it grows by less.
    """

    name: str
    unit: str
    doc: str
    bad: Literal["rises", "falls"]
    of: str
    window_intervals: int = 1
    with_slo: bool = False
    needs: Literal["", "users", "job"] = ""
    adds_up: bool = False


ERROR_RATIO, AVAILABILITY = "error_ratio", "availability"
JOB_AGE_PERIODS, JOB_FAILURE_RATIO = "job_age_periods", "job_failure_ratio"
LATENCY_P50_S, LATENCY_P95_S, LATENCY_P99_S = "latency_p50_s", "latency_p95_s", "latency_p99_s"

CORE_SLIS = (
    Sli(
        name=ERROR_RATIO, unit="ratio", bad="rises", of="lab.recording.slis:error_ratio", needs="users",
        doc="requests of users that failed, of all",
    ),
    Sli(
        name=AVAILABILITY, unit="ratio", bad="falls", of="lab.recording.slis:availability", needs="users",
        doc="requests of users that were answered, of all",
    ),
    Sli(
        name=LATENCY_P50_S, unit="s", bad="rises", of="lab.recording.slis:latency_p50_s", needs="users",
        doc="median of what users waited",
    ),
    Sli(
        name=LATENCY_P95_S, unit="s", bad="rises", of="lab.recording.slis:latency_p95_s", needs="users",
        doc="95th percentile of what users waited",
    ),
    Sli(
        name=LATENCY_P99_S, unit="s", bad="rises", of="lab.recording.slis:latency_p99_s", with_slo=True,
        needs="users",
        doc="99th percentile of what users waited",
    ),
    Sli(
        name=JOB_AGE_PERIODS, unit="1", bad="rises", of="lab.recording.slis:job_age_periods", needs="job",
        doc="how long ago the job that is most overdue last succeeded, in periods of that job",
    ),
    Sli(
        name=JOB_FAILURE_RATIO, unit="ratio", bad="rises", of="lab.recording.slis:job_failure_ratio", needs="job",
        doc="runs of a job that failed, of all of its last period and scrape interval; of the job where it is highest",
    ),
)  # fmt: skip

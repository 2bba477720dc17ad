"""Nothing is changed before users are well; and silence, or an outage of everything, ends a run as errors do."""

from __future__ import annotations

import os
import signal
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from lab.agreed import ports
from lab.judging.steady import steady_levels
from lab.recording.observed import load_observed
from lab.recording.opening import open_run
from lab.scenario import load_scenario
from lab.testbeds.stack import cpu_use
from lab.testbeds.stack.http import call
from lab.testbeds.stack.options import LAB
from lab.testbeds.stack.session import Session
from lab.testbeds.stack.steady import judged_until_s, metrics_of
from lab.worlds.shop.stack import STACK
from tests.stack.running import TIME_SCALE, await_load, lab_running, mend, outcome, recorded, write_scenario
from tests.waiting import eventually

pytestmark = pytest.mark.stack

ABORTED, INCONCLUSIVE = 3, 4
AT_S = 40
"""When something is changed, scenario seconds: what ends before is known by then, 1.5 real seconds later."""
JUDGED_UNTIL_S = 25.0
CUT = {"id": "f1", "type": "network-partition", "target": "shoppers->features", "at": f"{AT_S}s", "for": "2900s"}
LOOSE = [
    {"sli": "error_ratio", "below": "100%"}, {"sli": "latency_p95_s", "below": "10s"},
    {"sli": "click_through_ratio", "above": "0%"},
]  # fmt: skip


def test_without_a_steady_state_nothing_is_changed_and_the_run_ends_at_once(stack: Session, tmp_path: Path) -> None:
    """The scenario lasts many times as long as the lab is given."""
    impossible = [{"sli": "latency_p95_s", "below": "1us"}]
    path = write_scenario(tmp_path, duration_s=36000, steady_state=impossible, faults=[CUT])
    with lab_running(path) as lab:
        ended = outcome(lab)
    assert ended.code in (ABORTED, INCONCLUSIVE)  # the latter where the machine was busy
    assert "steady state does not hold: latency_p95_s was " in ended.reason
    assert f"expected below 1e-06 (before {JUDGED_UNTIL_S:g}s: 5 scrape intervals, " in ended.reason
    assert not stack.journal.path.exists() or '"intent"' not in stack.journal.path.read_text(encoding="utf-8")


def test_a_total_outage_is_an_outage_and_was_judged_live_as_it_is_recorded(stack: Session, tmp_path: Path) -> None:
    """No request ends any more: every one that shoppers give up is an error, and the stop condition holds."""
    stop = {"stop_when": [{"sli": "error_ratio", "above": "90%", "for": "20s"}]}
    path = write_scenario(tmp_path, duration_s=36000, rate_per_s=30, steady_state=LOOSE, faults=[CUT], safety=stop)
    with lab_running(path) as lab:
        ended = outcome(lab)
    assert ended.code in (ABORTED, INCONCLUSIVE)
    run = recorded(path)
    reason = run["status"].removeprefix("stopped: ").removeprefix("inconclusive: ")
    assert reason.startswith("error_ratio was ")
    metrics = metrics_recorded(path).to_pandas()
    users = metrics[metrics["service.name"] == "shoppers"].pivot_table(index="time_s", columns="metric", values="value")
    failed = users["client.error.count"] / users["client.request.count"]
    assert (failed > 0.9).rolling(3).sum().max() == 3  # the recording has the outage too
    assert stack.journal.open_undos() == []
    assert_judged_live_as_recorded(stack, path)


def assert_judged_live_as_recorded(stack: Session, path: Path) -> None:
    loaded = load_scenario(path)
    assert judged_until_s(loaded, TIME_SCALE) == JUDGED_UNTIL_S
    url, token = stack.compose.url("collector", ports.COLLECTOR), stack.token("collector")
    rows = call("GET", f"{url}/intervals?until_s={JUDGED_UNTIL_S}", token=token)["intervals"]
    measured = metrics_of(rows, loaded.system.users, loaded.system.entry, STACK.counted)
    live = steady_levels(loaded, measured, JUDGED_UNTIL_S)
    assert live == pytest.approx(steady_levels(loaded, metrics_recorded(path), JUDGED_UNTIL_S))
    assert sum(row["requests"] for row in rows) > 30


def metrics_recorded(path: Path) -> Any:
    """The table of metrics of the only recording of a scenario."""
    [run] = (path.parent / "runs").glob("*/*/run.json")
    return load_observed(open_run(run.parent).observed).tables["metrics"]


def to_all_processes(container: Any, number: signal.Signals) -> None:
    """Sends a signal to every process of a container, past Docker, which would tell of it."""
    for process in container.top()["Processes"]:
        with suppress(ProcessLookupError):  # a health check that has ended since
            os.kill(int(process[1]), number)


def is_over(stack: Session) -> bool:
    """Whether the run under way has ended, and its telemetry is being fetched."""
    holder = stack.lock.look().holder
    return holder is not None and holder.activity.get("phase") == "collecting"


@pytest.mark.parametrize("service", ["load", pytest.param("collector", marks=pytest.mark.slow)])
def test_three_scrapes_without_a_sample_end_the_run(stack: Session, tmp_path: Path, service: str) -> None:
    """All processes of the container stand still; to Docker it runs. Nobody takes that for what a load costs."""
    container = stack.compose.container(service)
    known = cpu_use.known(stack.state, LAB, STACK.cpu_s_per_request)
    with lab_running(write_scenario(tmp_path)) as lab:
        try:
            await_load(stack, lab)
            to_all_processes(container, signal.SIGSTOP)
            eventually(lambda: is_over(stack) or lab.poll() is not None)
            to_all_processes(container, signal.SIGCONT)  # the load is told of the end, and would not answer for long
            ended = outcome(lab)
        finally:
            to_all_processes(container, signal.SIGCONT)
            mend(stack)
    assert ended.code in (ABORTED, INCONCLUSIVE)
    assert f"no sample came from the {service} for 3 scrape intervals" in ended.reason
    assert cpu_use.known(stack.state, LAB, STACK.cpu_s_per_request) == known

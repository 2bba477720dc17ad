"""Silence on the stack is no good news: what ends a run when samples are missing, and what does not."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from lab.scenario import StopWhen
from lab.scenario.stopping import StopWatch
from lab.testbeds.stack import safety
from lab.testbeds.stack.safety import SCRAPE_MIN_REAL_S, SCRAPES_MAX, Guard, Silence
from tests import simulated
from tests.waiting import eventually

SCRAPE_S = 5.0
LIMIT_S = SCRAPES_MAX * SCRAPE_S


def answer(now_s: float, **load: Any) -> dict[str, Any]:
    """What the collector says of a load of ten requests a second that all is well with, but for what is given."""
    count = round(10 * now_s)
    well = {"due": count, "sent": count, "finished": count - 1, "unfinished": 1, "overdue": 0, "load_age_s": 0.3}
    ratio = load.pop("error_ratio", 0.0)
    return {"error_ratio": ratio, "requests": {**well, **load}}


def stopped_at(answers: Any, *, is_under_load: bool = True, for_s: float = 60.0) -> tuple[float, str]:
    """When and why silence ends a run in which the collector gives `answers(now_s)` every second."""
    silence = Silence(SCRAPE_S, 0.0)
    for now_s in range(1, round(for_s)):
        if reason := silence.reason(answers(float(now_s)), float(now_s), is_under_load=is_under_load):
            return now_s, reason
    return for_s, ""


def test_a_run_with_telemetry_goes_on() -> None:
    assert stopped_at(answer) == (60.0, "")


@pytest.mark.parametrize(
    ("missing", "expected"),
    [
        (lambda now_s: None, "no sample came from the collector"),
        (lambda now_s: answer(now_s, load_age_s=None), "no sample came from the load"),
        (lambda now_s: answer(now_s, load_age_s=now_s), "no sample came from the load"),
        (lambda now_s: answer(now_s, sent=0, finished=0, unfinished=0), "the load sent nothing, though"),
        (lambda now_s: answer(now_s, finished=0, unfinished=10 * now_s), "requests under way ended"),
        (lambda now_s: answer(now_s, error_ratio=None), "no request reached the collector, though requests ended"),
    ],
    ids=["collector", "load unheard", "load fell silent", "nothing sent", "nothing ends", "nothing collected"],
)
def test_three_scrapes_without_a_sample_end_the_run(missing: Any, expected: str) -> None:
    at_s, reason = stopped_at(missing)
    assert expected in reason
    assert "for 3 scrape intervals" in reason
    assert LIMIT_S < at_s <= LIMIT_S + SCRAPE_S + 2


def test_fewer_do_not_and_a_sample_starts_the_count_again() -> None:
    def with_gaps(now_s: float) -> Any:
        return None if now_s % LIMIT_S else answer(now_s)

    assert stopped_at(with_gaps) == (60.0, "")


def test_before_the_load_is_due_only_the_collector_is_missed() -> None:
    assert stopped_at(lambda now_s: answer(now_s, load_age_s=None), is_under_load=False) == (60.0, "")
    assert "collector" in stopped_at(lambda now_s: None, is_under_load=False)[1]


def test_a_load_that_has_nothing_to_send_is_not_silent() -> None:
    def idle(now_s: float) -> Any:
        return answer(now_s, due=7, sent=7, finished=7, unfinished=0, error_ratio=None)

    assert stopped_at(idle) == (60.0, "")


def test_compressed_scrapes_are_not_taken_for_silence_before_telemetry_can_be_in() -> None:
    silence = Silence(0.1, 0.0)
    assert silence.reason(None, SCRAPES_MAX * SCRAPE_MIN_REAL_S, is_under_load=True) == ""
    assert silence.reason(None, SCRAPES_MAX * SCRAPE_MIN_REAL_S + 0.1, is_under_load=True)


def test_a_condition_that_holds_is_not_forgotten_while_nobody_can_tell() -> None:
    watch = StopWatch((StopWhen.model_validate({"sli": "error_ratio", "above": "50%", "for": "10s"}),))
    assert watch.reason({"error_ratio": 0.9}, 100.0) == ""
    assert watch.reason({"error_ratio": None}, 105.0) == ""
    assert watch.reason({"error_ratio": 0.9}, 110.0) == "error_ratio was 0.9 for 10 s"


def test_a_guard_that_fails_ends_the_run(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(safety, "call", lambda *_, **__: {"error_ratio": 0.0})  # and not what else it should say
    with Guard(simulated.scenario(tmp_path).scenario, SCRAPE_S, 10.0, "http://collector", lambda: 1.0) as guard:
        assert "the watch over the run failed: KeyError" in eventually(lambda: guard.reason)
    assert not guard.is_silence


def test_where_a_missing_sli_means_that_nothing_happened_the_condition_ends() -> None:
    condition = StopWhen.model_validate({"sli": "error_ratio", "above": "50%", "for": "10s"})
    watch = StopWatch((condition,), missing_ends=True)
    assert watch.reason({"error_ratio": 0.9}, 100.0) == ""
    assert watch.reason({"error_ratio": None}, 105.0) == ""
    assert watch.reason({"error_ratio": 0.9}, 110.0) == ""


def test_a_condition_holds_from_where_its_measurement_began_and_the_first_of_the_file_is_named() -> None:
    bounds = ({"sli": "latency_p95_s", "above": "1s", "for": "5s"}, {"sli": "error_ratio", "above": "50%", "for": "5s"})
    watch = StopWatch(tuple(StopWhen.model_validate(bound) for bound in bounds))
    assert watch.reason({"error_ratio": 0.9, "latency_p95_s": 2.0}, 45.0, 40.0) == "latency_p95_s was 2 for 5 s"


def test_a_condition_that_ends_starts_anew() -> None:
    watch = StopWatch((StopWhen.model_validate({"sli": "error_ratio", "above": "50%", "for": "10s"}),))
    ratios = ((0, 0.9), (5, 0.1), (10, 0.9), (19, 0.9))
    assert [watch.reason({"error_ratio": ratio}, at_s) for at_s, ratio in ratios] == [""] * 4
